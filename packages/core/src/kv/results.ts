import type { ResponseHeader } from "../gen/etcdserverpb/rpc_pb.js";
import type { KeyValue } from "../gen/mvccpb/kv_pb.js";
import type { BranchOp, CompactOp, DeleteOp, Op, PutOp, RangeOp, TxnOp } from "./op.js";

// `header` is always there: where a server sends none, every field of it is zero. Inside a transaction etcd fills in
// at most the revision; read the header of the outermost result.

/** Answer to a read. */
export interface RangeResult {
  readonly header: ResponseHeader;
  /** Ascending by key, unless `sort`, `first` or `last` said otherwise. */
  readonly kvs: readonly KeyValue[];
  /** There are more keys in the range than `limit` let through. */
  readonly more: boolean;
  /** How many keys the range has, whatever `limit` and the revision bounds let through. */
  readonly count: number;
}

/** Answer to a write. */
export interface PutResult {
  /** `header.revision` is the revision of the write. */
  readonly header: ResponseHeader;
  /** What was overwritten, with the option `prevKv`; absent when the key is new. */
  readonly prevKv?: KeyValue | undefined;
}

/** Answer to a deletion. */
export interface DeleteResult {
  /** `header.revision` is the revision of the deletion, or the current one when nothing was deleted. */
  readonly header: ResponseHeader;
  readonly deleted: number;
  /** What was deleted, with the option `prevKv`; else empty. */
  readonly prevKvs: readonly KeyValue[];
}

/** Answers to a list of operations, one each, in order. */
export type ResultsOf<Ops extends readonly BranchOp[]> = {
  readonly [I in keyof Ops]: ResultOf<Ops[I]>;
};

/** Answer to a transaction; `succeeded` tells which list was done. */
export type TxnResult<
  Success extends readonly BranchOp[] = readonly BranchOp[],
  Failure extends readonly BranchOp[] = readonly BranchOp[],
> =
  | { readonly header: ResponseHeader; readonly succeeded: true; readonly responses: ResultsOf<Success> }
  | { readonly header: ResponseHeader; readonly succeeded: false; readonly responses: ResultsOf<Failure> };

/** Answer to a compaction. */
export interface CompactResult {
  readonly header: ResponseHeader;
}

/** Type of the answer to an op of a given type. */
export type ResultOf<O extends Op> = O extends RangeOp
  ? RangeResult
  : O extends PutOp
    ? PutResult
    : O extends DeleteOp
      ? DeleteResult
      : O extends TxnOp<infer Success, infer Failure>
        ? TxnResult<Success, Failure>
        : O extends CompactOp
          ? CompactResult
          : never;
