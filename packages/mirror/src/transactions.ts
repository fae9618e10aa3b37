import { type BranchOp, type DeleteOp, op, type PutOp } from "@etcdkit/core";

/** A change of one key. */
export type Write = PutOp | DeleteOp;

/** What a request spends on an operation beside key and value, at most. */
const overheadBytes = 32;

/** Key and value of a write, in bytes. */
export function bytesOf(write: Write): number {
  return write.key.length + (write.type === "put" ? write.value.length : 0);
}

/**
 * How many writes fit into one transaction, beside one more operation, on a server that allows `maxTxnOps` operations. It
 * counts those of a list and, for each transaction inside, those that are left: a list of 63 transactions of 64 writes is
 * fine where 128 are allowed.
 *
 * Source: etcd's server/etcdserver/api/v3rpc/key.go, checkTxnRequest.
 */
export function mostWrites(maxTxnOps: number): number {
  const flat = maxTxnOps - 1;
  const groups = Math.floor(flat / 2);
  return Math.max(flat, groups * (flat - groups));
}

/** Puts writes, at most {@link mostWrites} of them, into a list that a transaction may have beside one more operation. */
export function asBranch(writes: readonly Write[], maxTxnOps: number): readonly BranchOp[] {
  const flat = maxTxnOps - 1;
  if (writes.length <= flat) return writes;
  let groups = 1;
  while (groups * (flat - groups) < writes.length) groups++;
  const size = flat - groups;
  return Array.from({ length: Math.ceil(writes.length / size) }, (_, i) =>
    op.txn({ success: writes.slice(i * size, (i + 1) * size) }),
  );
}

/** Cuts writes into portions of at most so many of them, and of so many bytes; one that is larger comes alone. */
export function* portions(
  writes: readonly Write[],
  most: number,
  mostBytes: number,
): Generator<readonly Write[], void, undefined> {
  let portion: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    const size = bytesOf(write) + overheadBytes;
    if (portion.length === most || (portion.length > 0 && bytes + size > mostBytes)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(write);
    bytes += size;
  }
  if (portion.length > 0) yield portion;
}
