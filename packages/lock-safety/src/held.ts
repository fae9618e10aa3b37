import { createElection, createMutex, type Session } from "@etcdkit/concurrency";
import type { CallOptions, Compare, Kv, KvExecutor } from "@etcdkit/core";
import { type Kind, nameOf } from "./messages.js";

/** What a lock and a leadership have in common. */
export interface Held {
  readonly fencingToken: bigint;
  readonly signal: AbortSignal;
  isHeld(): boolean;
  guard(kv: KvExecutor): Kv;
  owned(): Compare;
  giveBack(): Promise<void>;
}

type Limits = Pick<CallOptions, "signal" | "timeoutMs">;

/** Waits for the lock, or for being elected. */
export async function acquire(kind: Kind, session: Session, limits: Limits): Promise<Held> {
  if (kind === "lock") {
    const lock = await createMutex(session, nameOf.lock).lock(limits);
    return heldOf(lock, () => lock.unlock());
  }
  const leadership = await createElection(session, nameOf.election).campaign(session, "worker", limits);
  return heldOf(leadership, () => leadership.resign());
}

function heldOf(held: Omit<Held, "giveBack">, giveBack: () => Promise<void>): Held {
  return {
    fencingToken: held.fencingToken,
    signal: held.signal,
    isHeld: () => held.isHeld(),
    guard: (kv) => held.guard(kv),
    owned: () => held.owned(),
    giveBack,
  };
}
