import { randomUUID } from "node:crypto";
import { guardKv, type Session } from "@etcdkit/concurrency";
import { type Compare, compare } from "@etcdkit/core";
import type { Held } from "./held.js";
import { type Kind, nameOf } from "./messages.js";

/** Bugs that can be planted in what processes take for a lock: a run has to fail with each of them. */
export const bugs = [
  /** `isHeld()` says yes until the signal aborts. */
  "always-held",
  /** Besides, the signal does not abort. */
  "never-told",
  /** `guard(kv)` guards nothing. */
  "no-guard",
  /** `guard(kv)` asks `isHeld()`, but not the server. */
  "local-guard",
  /** `owned()` always holds. */
  "no-compare",
  /** Nobody waits for his turn. */
  "no-wait",
  /** Readers do not wait for theirs. */
  "no-read-wait",
] as const;
export type Bug = (typeof bugs)[number];

/** Whether somebody with this bug does not wait: see {@link takeAtOnce}. */
export function skipsWait(bug: Bug | undefined, shared: boolean): boolean {
  return bug === "no-wait" || (bug === "no-read-wait" && shared);
}

/** Plants a bug in something that is held. */
export function withBug(held: Held, session: Session, bug: Bug | undefined): Held {
  const always: Compare = compare.missing(`${nameOf.lock}-that-nobody-has`);
  const { keyPrefix } = session.kv;
  switch (bug) {
    case "always-held":
      return { ...held, isHeld: () => true };
    case "never-told":
      return { ...held, isHeld: () => true, signal: new AbortController().signal };
    case "no-guard":
      return { ...held, guard: (kv) => guardKv(kv, { keyPrefix, isHeld: () => true, owned: () => always }) };
    case "local-guard":
      return { ...held, guard: (kv) => guardKv(kv, { keyPrefix, isHeld: held.isHeld, owned: () => always }) };
    case "no-compare":
      return { ...held, owned: () => always };
    default:
      return held;
  }
}

/** Queues, and takes that for holding. */
export async function takeAtOnce(kind: Kind, shared: boolean, session: Session): Promise<Held> {
  const { kv, leaseId } = session;
  const place = kind === "rw-lock" ? `${shared ? "read" : "write"}/${randomUUID()}` : randomUUID();
  const key = `${nameOf[kind]}/${place}`;
  const { header } = await kv.put(key, "", { leaseId, timeoutMs: 10_000 });
  let given = false;
  const isHeld = (): boolean => !given && session.isHeld();
  const owned = (): Compare => compare.createRevision(key).equals(header.revision);
  return {
    fencingToken: header.revision,
    signal: session.signal,
    isHeld,
    owned,
    guard: (guarded) => guardKv(guarded, { keyPrefix: kv.keyPrefix, isHeld, owned }),
    async giveBack() {
      given = true;
      await kv.delete(key, { idempotent: true, timeoutMs: 10_000 });
    },
  };
}
