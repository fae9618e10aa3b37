import type { ResponseHeader } from "../src/index.js";

/** The header of an answer. */
export function headerAt(revision: bigint, clusterId = 1n): ResponseHeader {
  return { $typeName: "etcdserverpb.ResponseHeader", clusterId, memberId: 1n, revision, raftTerm: 1n };
}
