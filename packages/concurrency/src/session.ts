import type { CallOptions, KeepAlive, Kv, Leases, Watcher } from "@etcdkit/core";
import type { Turns } from "./turns.js";

/** The services that coordination is built on, of one cluster and one namespace. */
export interface SessionServices {
  readonly kv: Kv;
  readonly leases: Leases;
  readonly watcher: Watcher;
}

/**
 * The life of a program as the cluster sees it: a lease that is kept alive. What is made in a session (a place in the queue
 * for a lock, a candidacy) is tied to its lease and gone when the session is.
 *
 * One session per process is usual. Any number of locks, elections and tasks may share it.
 */
export interface Session extends SessionServices, AsyncDisposable, Pick<KeepAlive, "isHeld" | "remainingMs"> {
  readonly leaseId: bigint;
  /** As granted, in seconds. */
  readonly ttlSeconds: number;
  /**
   * Aborts when the session has ended, whatever ended it, and before the server can give away what was made in it. Its
   * reason is an `EtcdError`: `SESSION_LOST` when the lease was lost (`cause` is a `KeepAliveHaltedError`), `CLOSED` after
   * {@link Session.close}, {@link Session.orphan} and the abort of the signal that the session was opened with.
   */
  readonly signal: AbortSignal;
  /**
   * Whose turn it is to work with a key that carries the id of the lease. For packages that keep such keys: mutexes and
   * elections of one name share one.
   */
  readonly turns: Turns;
  /**
   * Asks the cluster whether the lease lives, and ends the session when it does not. For those who have seen a key of the
   * session go: whether the lease went with it is known at once, and not with the next renewal.
   *
   * @throws (rejects) The reason of {@link Session.signal} when the session has ended; as `Leases.timeToLive`.
   */
  check(call?: Pick<CallOptions, "signal" | "timeoutMs">): Promise<void>;
  /**
   * Ends the session without revoking its lease, which lives on for at most its time to live, and with it what was made in
   * the session: to hand it over. Idempotent.
   */
  orphan(): Promise<void>;
  /**
   * Ends the session and revokes its lease: the keys that are tied to it are deleted. After {@link Session.orphan} it does
   * nothing. Idempotent.
   *
   * @throws (rejects) `EtcdError` when the revocation failed. The lease then expires within its time to live.
   */
  close(): Promise<void>;
}

/** Refuses what is no session. */
export function checkSession(value: unknown): asserts value is Session {
  const isSession = typeof value === "object" && value !== null && "leaseId" in value && "turns" in value;
  if (!isSession) throw new TypeError("session must be a Session");
}
