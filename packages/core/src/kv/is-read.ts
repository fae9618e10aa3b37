import type { Op, RangeOp, TxnOp } from "./op.js";

/** An op that changes nothing, whatever its compares say, and so may be asked for again. */
export type ReadOp = RangeOp | TxnOp;

/** Whether an op only reads: a range, or a transaction of nothing but reads. */
export function isRead(op: Op): op is ReadOp {
  if (op.type !== "txn") return op.type === "range";
  return op.success.every(isRead) && op.failure.every(isRead);
}
