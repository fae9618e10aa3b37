import type {
  BranchOp,
  CompactOp,
  Compare,
  CompareRelation,
  DeleteOp,
  PutOp,
  RangeOp,
  Sort,
  SortBy,
  TxnOp,
} from "@etcdkit/core";
import {
  type CompactionRequest,
  Compare_CompareResult,
  Compare_CompareTarget,
  type Compare as CompareMessage,
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RequestOp,
  type TxnRequest,
} from "@etcdkit/core/protocol";
import { isBytes } from "@etcdkit/core/spi";

// Messages are written out field by field: `create(Schema, init)` takes longer than encoding what it made.

const noBytes = new Uint8Array();

const sortOrders: Readonly<Record<Sort["order"], RangeRequest_SortOrder>> = {
  ascending: RangeRequest_SortOrder.ASCEND,
  descending: RangeRequest_SortOrder.DESCEND,
};

const sortTargets: Readonly<Record<SortBy, RangeRequest_SortTarget>> = {
  key: RangeRequest_SortTarget.KEY,
  version: RangeRequest_SortTarget.VERSION,
  created: RangeRequest_SortTarget.CREATE,
  modified: RangeRequest_SortTarget.MOD,
  value: RangeRequest_SortTarget.VALUE,
};

const relations: Readonly<Record<CompareRelation, Compare_CompareResult>> = {
  equal: Compare_CompareResult.EQUAL,
  greater: Compare_CompareResult.GREATER,
  less: Compare_CompareResult.LESS,
  notEqual: Compare_CompareResult.NOT_EQUAL,
};

const targets: Readonly<Record<Compare["target"], Compare_CompareTarget>> = {
  version: Compare_CompareTarget.VERSION,
  createRevision: Compare_CompareTarget.CREATE,
  modRevision: Compare_CompareTarget.MOD,
  value: Compare_CompareTarget.VALUE,
  lease: Compare_CompareTarget.LEASE,
};

/** The request of a range, unary or streamed. */
export function encodeRange(op: RangeOp): RangeRequest {
  return {
    $typeName: "etcdserverpb.RangeRequest",
    key: bytes(op.key, "key"),
    rangeEnd: optionalBytes(op.rangeEnd, "rangeEnd"),
    limit: op.limit === undefined ? 0n : BigInt(op.limit),
    revision: op.revision ?? 0n,
    sortOrder: op.sort === undefined ? RangeRequest_SortOrder.NONE : sortOrders[op.sort.order],
    sortTarget: op.sort === undefined ? RangeRequest_SortTarget.KEY : sortTargets[op.sort.by],
    serializable: op.serializable ?? false,
    keysOnly: op.keysOnly ?? false,
    countOnly: op.countOnly ?? false,
    minModRevision: op.minModRevision ?? 0n,
    maxModRevision: op.maxModRevision ?? 0n,
    minCreateRevision: op.minCreateRevision ?? 0n,
    maxCreateRevision: op.maxCreateRevision ?? 0n,
  };
}

/** The request of a put. */
export function encodePut(op: PutOp): PutRequest {
  return {
    $typeName: "etcdserverpb.PutRequest",
    key: bytes(op.key, "key"),
    value: bytes(op.value, "value"),
    lease: op.leaseId ?? 0n,
    prevKv: op.prevKv ?? false,
    ignoreValue: op.ignoreValue ?? false,
    ignoreLease: op.ignoreLease ?? false,
  };
}

/** The request of a deletion. */
export function encodeDelete(op: DeleteOp): DeleteRangeRequest {
  return {
    $typeName: "etcdserverpb.DeleteRangeRequest",
    key: bytes(op.key, "key"),
    rangeEnd: optionalBytes(op.rangeEnd, "rangeEnd"),
    prevKv: op.prevKv ?? false,
  };
}

/** The request of a transaction, with the requests of its operations. */
export function encodeTxn(op: TxnOp): TxnRequest {
  return {
    $typeName: "etcdserverpb.TxnRequest",
    compare: op.compare.map(encodeCompare),
    success: op.success.map(encodeBranchOp),
    failure: op.failure.map(encodeBranchOp),
  };
}

/** The request of a compaction. */
export function encodeCompact(op: CompactOp): CompactionRequest {
  return {
    $typeName: "etcdserverpb.CompactionRequest",
    revision: op.revision,
    physical: op.physical ?? false,
  };
}

function encodeBranchOp(op: BranchOp): RequestOp {
  return { $typeName: "etcdserverpb.RequestOp", request: encodeRequest(op) };
}

function encodeRequest(op: BranchOp): RequestOp["request"] {
  switch (op.type) {
    case "range":
      return { case: "requestRange", value: encodeRange(op) };
    case "put":
      return { case: "requestPut", value: encodePut(op) };
    case "delete":
      return { case: "requestDeleteRange", value: encodeDelete(op) };
    case "txn":
      return { case: "requestTxn", value: encodeTxn(op) };
  }
}

function encodeCompare(compare: Compare): CompareMessage {
  return {
    $typeName: "etcdserverpb.Compare",
    result: relations[compare.relation],
    target: targets[compare.target],
    key: bytes(compare.key, "compare.key"),
    rangeEnd: optionalBytes(compare.rangeEnd, "compare.rangeEnd"),
    targetUnion:
      compare.target === "value"
        ? { case: "value", value: bytes(compare.operand, "compare.operand") }
        : { case: compare.target, value: compare.operand },
  };
}

/** Ops made by hand may hold anything; the message's encoder would fail without naming what is wrong. */
function bytes(value: Uint8Array, name: string): Uint8Array {
  if (!isBytes(value)) throw new TypeError(`op.${name} must be a Uint8Array`);
  return value;
}

function optionalBytes(value: Uint8Array | undefined, name: string): Uint8Array {
  return value === undefined ? noBytes : bytes(value, name);
}
