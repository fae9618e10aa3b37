import type { KeepAlive, Kv, Leases, Watcher } from "@etcdkit/core";

/** The services that coordination is built on, of one cluster and one namespace. */
export interface SessionServices {
  readonly kv: Kv;
  readonly leases: Leases;
  readonly watcher: Watcher;
}

/**
 * The life of a program as the cluster sees it: a lease that is kept alive. What is made in a session (a place in the queue
 * for a lock, a candidacy) is tied to its lease and gone when the session is.
 */
export interface Session extends SessionServices, AsyncDisposable, Pick<KeepAlive, "isHeld" | "remainingMs"> {
  readonly leaseId: bigint;
  /** As granted, in seconds. */
  readonly ttlSeconds: number;
  /**
   * Aborts when the session has ended, whatever ended it, and before the server can give away what was made in it. Its
   * reason is an `EtcdError`: `SESSION_LOST` when the lease was lost, `CLOSED` after {@link Session.close} and
   * {@link Session.orphan}.
   */
  readonly signal: AbortSignal;
  /** Ends the session without revoking its lease, which lives on for at most its time to live: to hand it over. Idempotent. */
  orphan(): Promise<void>;
  /** Ends the session and revokes its lease: the keys that are tied to it are deleted. Idempotent. */
  close(): Promise<void>;
}
