import type { ResponseHeader } from "./gen/etcdserverpb/rpc_pb.js";

/**
 * The header of an answer. Results always have one: where the server sent none, as inside transactions, every field of it
 * is zero.
 */
export function headerOf(answer: { readonly header?: ResponseHeader | undefined }): ResponseHeader {
  return answer.header ?? noHeader();
}

// Made anew each time: callers may keep it.
function noHeader(): ResponseHeader {
  return {
    $typeName: "etcdserverpb.ResponseHeader",
    clusterId: 0n,
    memberId: 0n,
    revision: 0n,
    raftTerm: 0n,
  };
}
