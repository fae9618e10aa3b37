import type { KeyValue, RangeOp, RangeResult, ResponseHeader } from "@etcdkit/core";

const noValue = new Uint8Array();

/** What the server would answer to a read of one key, given what the key is. Nothing of `pair` is handed out. */
export function answerRange(op: RangeOp, header: ResponseHeader, pair: KeyValue | undefined): RangeResult {
  const shown = pair !== undefined && op.countOnly !== true && isWithin(op, pair);
  return {
    header: copyHeader(header),
    kvs: shown ? [copyPair(pair, op.keysOnly === true)] : [],
    more: false,
    // The bounds leave out pairs and not what is counted.
    count: pair === undefined ? 0 : 1,
  };
}

function isWithin(op: RangeOp, { modRevision, createRevision }: KeyValue): boolean {
  return (
    (op.minModRevision === undefined || modRevision >= op.minModRevision) &&
    (op.maxModRevision === undefined || modRevision <= op.maxModRevision) &&
    (op.minCreateRevision === undefined || createRevision >= op.minCreateRevision) &&
    (op.maxCreateRevision === undefined || createRevision <= op.maxCreateRevision)
  );
}

/** A header that its receiver may change. */
export function copyHeader(header: ResponseHeader): ResponseHeader {
  return {
    $typeName: "etcdserverpb.ResponseHeader",
    clusterId: header.clusterId,
    memberId: header.memberId,
    revision: header.revision,
    raftTerm: header.raftTerm,
  };
}

/** The header that etcd gives the answers inside a transaction: it has a revision and nothing else. */
export function innerHeader(revision: bigint): ResponseHeader {
  return { $typeName: "etcdserverpb.ResponseHeader", clusterId: 0n, memberId: 0n, revision, raftTerm: 0n };
}

// A copy whatever it is given, while the `slice` of Node's `Buffer` shares the bytes.
function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** A pair that its receiver may change, with its value or without. */
export function copyPair(pair: KeyValue, withoutValue = false): KeyValue {
  return {
    $typeName: "mvccpb.KeyValue",
    key: copyBytes(pair.key),
    createRevision: pair.createRevision,
    modRevision: pair.modRevision,
    version: pair.version,
    value: copyBytes(withoutValue ? noValue : pair.value),
    lease: pair.lease,
  };
}
