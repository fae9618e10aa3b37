import type { RangeOp } from "./op.js";

/** Refuses what etcd cannot stream, before it is sent: it would answer in an arbitrary order or not at all. */
export function checkStreamed(op: RangeOp): void {
  if (op.type !== "range") throw new TypeError("op must be a range op");
  const { sort, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = op;
  if (sort !== undefined) throw new TypeError("sort cannot be streamed");
  if ((minModRevision ?? maxModRevision ?? minCreateRevision ?? maxCreateRevision) !== undefined) {
    throw new TypeError("revision bounds cannot be streamed");
  }
}
