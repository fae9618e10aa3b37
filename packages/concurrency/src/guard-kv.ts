import {
  type BranchOp,
  type CallOptions,
  type Compare,
  EtcdError,
  type KeySpace,
  type Kv,
  type KvExecutor,
  kvFrom,
  type Op,
  type ResultOf,
  shareKeySpace,
} from "@etcdkit/core";
import { checkKv, isRead } from "@etcdkit/core/spi";

/** Something that is held by virtue of a key: a lock, a leadership. */
export interface Ownership extends KeySpace {
  /** Holds, in a transaction, exactly as long as the owner is the owner. */
  owned(): Compare;
  /** Whether the owner, as far as it knows, is the owner. */
  isHeld(): boolean;
}

/**
 * A `Kv` whose writes are done only while something is held: each put, delete and transaction that writes is sent inside a
 * transaction that compares the owner's key, so that the server refuses it once the owner is another, however late it
 * arrives. Answers are those of the bare calls. Reads pass as they are.
 *
 * Writes that are refused reject with `EtcdError` `NOT_HOLDER`, and were not applied: those that the server refused and
 * those that were not sent since `ownership.isHeld()` was false. Of a write that was called `idempotent` and refused by the
 * server the outcome is `"unknown"`: an earlier attempt of it may have been applied while it was held. Compaction cannot be
 * guarded (`TypeError`).
 *
 * @param kv - Of the namespace that the owner's key is in: a `TypeError` if not.
 */
export function guardKv(kv: KvExecutor, ownership: Ownership): Kv {
  checkKv(kv, "kv");
  if (!shareKeySpace(kv, ownership)) {
    throw new TypeError("kv must be of the namespace of what guards it: their key prefixes differ");
  }

  async function write(op: BranchOp, call: CallOptions | undefined): Promise<ResultOf<BranchOp>> {
    if (!ownership.isHeld()) {
      throw new EtcdError("NOT_HOLDER", "not written: not held any more", { outcome: "not-applied" });
    }
    const compare = [ownership.owned()];
    const answer = await kv.execute({ type: "txn", compare, success: [op], failure: [] }, call);
    if (!answer.succeeded) {
      // A first attempt that was applied and whose answer was lost looks the same from here as one that never was.
      const outcome = call?.idempotent === true ? "unknown" : "not-applied";
      throw new EtcdError("NOT_HOLDER", "refused by the server: held by another, or by nobody", { outcome });
    }
    return { ...answer.responses[0], header: answer.header };
  }

  async function carryOut(op: Op, call: CallOptions | undefined): Promise<ResultOf<Op>> {
    if (op.type === "compact") throw new TypeError("compact cannot be guarded: call it on the kv itself");
    return isRead(op) ? await kv.execute(op, call) : await write(op, call);
  }

  const stream = kv.stream?.bind(kv);
  const { keyPrefix } = kv;
  return kvFrom({
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(stream !== undefined && { stream }),
    execute: <O extends Op>(op: O, call?: CallOptions) => carryOut(op, call) as Promise<ResultOf<O>>,
  });
}
