import { createElection, createMutex, type Session } from "@etcdkit/concurrency";
import type { CallOptions, Compare, Kv, KvExecutor } from "@etcdkit/core";
import { createRwMutex } from "@etcdkit/recipes";
import { type Bug, skipsWait, takeAtOnce, withBug } from "./bugs.js";
import { type Kind, nameOf } from "./messages.js";

/** What locks of all kinds and a leadership have in common. */
export interface Held {
  readonly fencingToken: bigint;
  readonly signal: AbortSignal;
  isHeld(): boolean;
  guard(kv: KvExecutor): Kv;
  owned(): Compare;
  giveBack(): Promise<void>;
}

/** What is asked for. */
export interface Wish {
  readonly kind: Kind;
  /** Whether as a reader. */
  readonly shared: boolean;
  readonly bug: Bug | undefined;
}

type Limits = Pick<CallOptions, "signal" | "timeoutMs">;

/** Waits for the lock, or for being elected. */
export async function acquire({ kind, shared, bug }: Wish, session: Session, limits: Limits): Promise<Held> {
  const held = skipsWait(bug, shared)
    ? await takeAtOnce(kind, shared, session)
    : await waitFor(kind, shared, session, limits);
  return withBug(held, session, bug);
}

async function waitFor(kind: Kind, shared: boolean, session: Session, limits: Limits): Promise<Held> {
  switch (kind) {
    case "lock": {
      const lock = await createMutex(session, nameOf.lock).lock(limits);
      return heldOf(lock, () => lock.unlock());
    }
    case "election": {
      const leadership = await createElection(session, nameOf.election).campaign(session, "worker", limits);
      return heldOf(leadership, () => leadership.resign());
    }
    case "rw-lock": {
      const mutex = createRwMutex(session, nameOf["rw-lock"]);
      const lock = await (shared ? mutex.readLock(limits) : mutex.writeLock(limits));
      return heldOf(lock, () => lock.unlock());
    }
  }
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
