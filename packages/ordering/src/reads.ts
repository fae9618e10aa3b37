import type { BranchOp } from "@etcdkit/core";
import type { ReadOp } from "@etcdkit/core/spi";

/** The latest revision at which an op reads the past; `undefined` where it reads the present only. */
export function pinnedRevision(op: ReadOp | BranchOp): bigint | undefined {
  if (op.type === "range") return op.revision;
  if (op.type !== "txn") return undefined;
  const pinned = [...op.success, ...op.failure].flatMap((one) => pinnedRevision(one) ?? []);
  return pinned.reduce<bigint | undefined>((latest, one) => ((latest ?? 0n) > one ? latest : one), undefined);
}
