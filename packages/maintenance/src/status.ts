import type { StatusResponse } from "@etcdkit/core/protocol";
import { headerOf } from "@etcdkit/core/spi";
import type { MemberStatus } from "./results.js";

/** The answer to a status request. What older members do not tell is absent. */
export function decodeStatus(answer: StatusResponse): MemberStatus {
  const { dbSizeQuota, downgradeInfo, leader, storageVersion } = answer;
  const header = headerOf(answer);
  return {
    header,
    version: answer.version,
    ...(storageVersion !== "" && { storageVersion }),
    dbSizeBytes: Number(answer.dbSize),
    dbSizeInUseBytes: Number(answer.dbSizeInUse),
    ...(dbSizeQuota > 0n && { dbSizeQuotaBytes: Number(dbSizeQuota) }),
    ...(leader !== 0n && { leaderId: leader }),
    isLeader: leader !== 0n && leader === header.memberId,
    isLearner: answer.isLearner,
    raftIndex: answer.raftIndex,
    raftAppliedIndex: answer.raftAppliedIndex,
    raftTerm: answer.raftTerm,
    errors: answer.errors,
    ...(downgradeInfo?.enabled === true && { downgrade: { targetVersion: downgradeInfo.targetVersion } }),
  };
}
