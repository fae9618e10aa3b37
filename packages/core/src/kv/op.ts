import type { WireRange } from "../key-range.js";
import type { Compare } from "./compare.js";

/** What the answer to a range can be sorted by: the key, its value, its version, its creation or last write. */
export type SortBy = "key" | "version" | "created" | "modified" | "value";

/** An order that the server is asked for explicitly. */
export interface Sort {
  readonly by: SortBy;
  readonly order: "ascending" | "descending";
}

/** Reads keys. Made by `op.range`; what the fields mean is said at {@link RangeOpOptions}. */
export interface RangeOp extends WireRange {
  readonly type: "range";
  readonly limit?: number | undefined;
  readonly revision?: bigint | undefined;
  /** Absent: ascending keys. */
  readonly sort?: Sort | undefined;
  readonly serializable?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
  readonly minModRevision?: bigint | undefined;
  readonly maxModRevision?: bigint | undefined;
  readonly minCreateRevision?: bigint | undefined;
  readonly maxCreateRevision?: bigint | undefined;
}

/** Writes one key. Made by `op.put`; what the fields mean is said at {@link PutOpOptions}. */
export interface PutOp {
  readonly type: "put";
  readonly key: Uint8Array;
  /** Empty with `ignoreValue`. */
  readonly value: Uint8Array;
  readonly leaseId?: bigint | undefined;
  readonly prevKv?: boolean | undefined;
  readonly ignoreValue?: boolean | undefined;
  readonly ignoreLease?: boolean | undefined;
}

/** Deletes keys. Made by `op.delete`. */
export interface DeleteOp extends WireRange {
  readonly type: "delete";
  readonly prevKv?: boolean | undefined;
}

/** Compares, then does one list of operations or the other, all at one revision. Made by `op.txn`. */
export interface TxnOp<
  Success extends readonly BranchOp[] = readonly BranchOp[],
  Failure extends readonly BranchOp[] = readonly BranchOp[],
> {
  readonly type: "txn";
  /** All must hold for `success`; none at all always holds. */
  readonly compare: readonly Compare[];
  readonly success: Success;
  readonly failure: Failure;
}

/** Drops history. Made by `op.compact`. */
export interface CompactOp {
  readonly type: "compact";
  readonly revision: bigint;
  readonly physical?: boolean | undefined;
}

/** One request to the key-value store, as plain data. */
export type Op = RangeOp | PutOp | DeleteOp | TxnOp | CompactOp;

/** What a transaction can be made of: everything but compaction, further transactions included. */
export type BranchOp = RangeOp | PutOp | DeleteOp | TxnOp;

/** The parts of a transaction; what is left out is empty. */
export interface TxnParts<Success extends readonly BranchOp[], Failure extends readonly BranchOp[]> {
  /** All must hold for `success` to be done; without any, `success` is done. */
  readonly compare?: readonly Compare[] | undefined;
  /** Done in order when every compare holds. */
  readonly success?: Success | undefined;
  /** Done in order when one does not. */
  readonly failure?: Failure | undefined;
}
