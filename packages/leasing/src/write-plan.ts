import {
  type BranchOp,
  type DeleteOp,
  EtcdError,
  type PutOp,
  type ResultOf,
  type TxnOp,
  type WireRange,
} from "@etcdkit/core";
import { isBytes } from "@etcdkit/core/spi";
import { isRange, type NameRange, nameOf, namesOf } from "./leasing-keys.js";

/** An op that may write. */
export type WriteOp = PutOp | DeleteOp | TxnOp;

/** Every key that an op may write, whichever way its compares turn out. */
export interface WritePlan {
  /** The single keys by name. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly ranges: readonly WireRange[];
}

/** Looks through an op. @throws TypeError for one made by hand whose parts are none. */
export function planOf(op: BranchOp): WritePlan {
  const keys = new Map<string, Uint8Array>();
  const ranges: WireRange[] = [];
  const visit = (one: BranchOp): void => {
    switch (one.type) {
      case "range":
        return;
      case "txn":
        for (const part of one.success) visit(part);
        for (const part of one.failure) visit(part);
        return;
      case "put":
      case "delete":
        if (!isBytes(one.key)) throw new TypeError("op.key must be a Uint8Array");
        if (one.type === "delete" && isRange(one)) ranges.push({ key: one.key, rangeEnd: one.rangeEnd });
        else keys.set(nameOf(one.key), one.key);
        return;
      default:
        throw new TypeError("an op in a transaction must be a range, put, delete or txn op");
    }
  };
  visit(op);
  return { keys, ranges };
}

/** The ranges that an op has deleted, as its answer tells. */
export function deletedRanges<O extends WriteOp>(op: O, result: ResultOf<O>): readonly NameRange[] {
  const ranges: NameRange[] = [];
  const visit = (one: BranchOp, answer: unknown): void => {
    if (one.type === "delete" && isRange(one)) ranges.push(namesOf(one));
    if (one.type !== "txn") return;
    const { succeeded, responses } = answer as ResultOf<TxnOp>;
    for (const [i, part] of (succeeded ? one.success : one.failure).entries()) visit(part, responses[i]);
  };
  visit(op, result);
  return ranges;
}

/**
 * Refuses, as etcd does, a transaction with too many operations: in each list at most so many, less those of the
 * transactions around it. Guards take part of what the server allows, so the limit is ours, and is the same whatever is owned.
 */
export function checkSize(op: TxnOp, most: number): void {
  const longest = Math.max(op.compare.length, op.success.length, op.failure.length);
  if (longest > most) {
    throw new EtcdError(
      "TOO_MANY_OPS",
      `a list of the transaction has ${longest} operations, and ${most} fit`,
      {
        outcome: "not-applied",
      },
    );
  }
  for (const part of [...op.success, ...op.failure]) {
    if (part.type === "txn") checkSize(part, most - longest);
  }
}
