import type { Connection } from "@etcdkit/core";
import { DowngradeRequest_DowngradeAction, Maintenance as Service } from "@etcdkit/core/protocol";
import {
  type Check,
  callChecks,
  callOf,
  callUnary,
  checkMemberId,
  checkOneOf,
  checkOptions,
  checkRevision,
  headerOf,
  optionTable,
} from "@etcdkit/core/spi";
import { disarmAlarms, listAlarms } from "./alarms.js";
import { type Feature, versionSupports } from "./features.js";
import type { AnyMemberOptions, Maintenance } from "./maintenance.js";
import { checkEndpoint, memberTransport } from "./member-transport.js";
import type { DowngradeResult } from "./results.js";
import { openSnapshot } from "./snapshot.js";
import { decodeStatus } from "./status.js";

type DowngradeAction = "validate" | "enable" | "cancel";

const anyMemberChecks: Readonly<Record<string, Check>> = { ...callChecks, endpoint: checkEndpoint };
const { idempotent: _, ...streamChecks } = anyMemberChecks;
const tables = {
  status: optionTable("status", callChecks),
  alarmList: optionTable("alarmList", anyMemberChecks),
  alarmDisarm: optionTable("alarmDisarm", anyMemberChecks),
  alarmSelection: optionTable("the alarms to disarm", {
    memberId: checkMemberId,
    type: checkOneOf(["nospace", "corrupt"]),
  }),
  defragment: optionTable("defragment", callChecks),
  hashKv: optionTable("hashKv", { ...callChecks, revision: checkRevision }),
  hash: optionTable("hash", callChecks),
  moveLeader: optionTable("moveLeader", callChecks),
  downgrade: optionTable("downgrade", anyMemberChecks),
  snapshot: optionTable("snapshot", streamChecks),
  supports: optionTable("supports", anyMemberChecks),
};
const checkAction = checkOneOf(["validate", "enable", "cancel"]);
const wireActions = {
  validate: DowngradeRequest_DowngradeAction.VALIDATE,
  enable: DowngradeRequest_DowngradeAction.ENABLE,
  cancel: DowngradeRequest_DowngradeAction.CANCEL,
} as const satisfies Readonly<Record<DowngradeAction, DowngradeRequest_DowngradeAction>>;

/**
 * The maintenance service of etcd over a connection. It holds nothing of its own: closing the connection is all there is
 * to close.
 *
 * @param connection - What `connect` returned, or anything with transports that reject as a connection's do.
 */
export function createMaintenance(connection: Pick<Connection, "transport" | "endpoint">): Maintenance {
  const { defragment, downgrade, hash, hashKV, moveLeader, status } = Service.method;
  const at = (endpoint: string): Connection["transport"] => memberTransport(connection, endpoint);
  const anywhere = (options: Pick<AnyMemberOptions, "endpoint"> | undefined): Connection["transport"] =>
    options?.endpoint === undefined ? connection.transport : at(options.endpoint);

  return {
    async status(endpoint, call) {
      checkOptions(tables.status, call);
      return decodeStatus(await callUnary(at(endpoint), status, {}, call));
    },

    async alarmList(options) {
      checkOptions(tables.alarmList, options);
      return await listAlarms(anywhere(options), callOf(options));
    },

    async alarmDisarm(which, options) {
      checkOptions(tables.alarmSelection, which);
      checkOptions(tables.alarmDisarm, options);
      return await disarmAlarms(anywhere(options), which ?? {}, callOf(options));
    },

    async defragment(endpoint, call) {
      checkOptions(tables.defragment, call);
      await callUnary(at(endpoint), defragment, {}, call, call?.timeoutMs ?? Number.POSITIVE_INFINITY);
    },

    async hashKv(endpoint, options) {
      checkOptions(tables.hashKv, options);
      const request = { revision: options?.revision ?? 0n };
      const answer = await callUnary(at(endpoint), hashKV, request, callOf(options));
      const { hash, hashRevision, compactRevision } = answer;
      return {
        header: headerOf(answer),
        hash,
        ...(compactRevision > 0n && { compactRevision }),
        ...(hashRevision > 0n && { hashRevision }),
      };
    },

    async hash(endpoint, call) {
      checkOptions(tables.hash, call);
      const answer = await callUnary(at(endpoint), hash, {}, call);
      return { header: headerOf(answer), hash: answer.hash };
    },

    async moveLeader(endpoint, targetId, call) {
      checkMemberId(targetId, "targetId");
      checkOptions(tables.moveLeader, call);
      const timeoutMs = call?.timeoutMs ?? Number.POSITIVE_INFINITY;
      await callUnary(at(endpoint), moveLeader, { targetID: targetId }, call, timeoutMs);
    },

    async downgrade(
      action: DowngradeAction,
      second?: string | AnyMemberOptions,
      third?: AnyMemberOptions,
    ): Promise<DowngradeResult> {
      checkAction(action, "action");
      const [version, options] = action === "cancel" ? ["", second] : [second, third];
      if (typeof version !== "string" || (version === "" && action !== "cancel"))
        throw new TypeError("version must be a text such as 3.6");
      if (typeof options === "string") throw new TypeError('version must be left out of "cancel"');
      checkOptions(tables.downgrade, options);
      const request = { action: wireActions[action], version };
      const answer = await callUnary(anywhere(options), downgrade, request, callOf(options));
      return { header: headerOf(answer), version: answer.version };
    },

    async snapshot(options) {
      checkOptions(tables.snapshot, options);
      return await openSnapshot(anywhere(options), options);
    },

    async supports(feature: Feature, options) {
      checkOptions(tables.supports, options);
      versionSupports("0.0.0", feature); // a misspelt one is refused before anybody is asked
      const { version } = await callUnary(anywhere(options), status, {}, callOf(options));
      return versionSupports(version, feature);
    },
  };
}
