import type { BranchOp, Op, RangeOp, TxnOp } from "@etcdkit/core";

/** An op that changes nothing, whatever its compares say, and so may be asked for again. */
export type ReadOp = RangeOp | TxnOp;

/** Whether an op only reads: a range, or a transaction of nothing but reads. */
export function isRead(op: Op): op is ReadOp {
  if (op.type === "range") return true;
  return op.type === "txn" && branchesOf(op).every(isRead);
}

/** The latest revision at which an op reads the past; `undefined` where it reads the present only. */
export function pinnedRevision(op: ReadOp | BranchOp): bigint | undefined {
  if (op.type === "range") return op.revision;
  if (op.type !== "txn") return undefined;
  const pinned = branchesOf(op).flatMap((one) => pinnedRevision(one) ?? []);
  return pinned.reduce<bigint | undefined>((latest, one) => ((latest ?? 0n) > one ? latest : one), undefined);
}

function branchesOf(op: TxnOp): readonly BranchOp[] {
  return [...op.success, ...op.failure];
}
