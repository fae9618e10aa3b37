import type { CallOptions } from "../call-options.js";
import type { ResponseHeader } from "../gen/etcdserverpb/rpc_pb.js";
import type { KeySpace } from "../key-space.js";
import type { KeepAlive, LeaseKeepAliveOptions } from "./keep-alive.js";

/** Options of {@link Leases.grant}. */
export interface GrantOptions extends CallOptions {
  /**
   * The id of the lease, chosen by the caller: any signed 64-bit integer but 0. Take one at random, so that nobody else
   * takes the same. It makes the grant repeatable: after a failure that leaves open whether the lease exists it is asked
   * for again, and never granted twice. Left out: the server chooses.
   */
  readonly id?: bigint | undefined;
}

/** Options of {@link Leases.timeToLive}. */
export interface TimeToLiveOptions extends CallOptions {
  /** Answers with the keys that are tied to the lease. Default `false`. */
  readonly keys?: boolean | undefined;
}

/** A lease that was granted. */
export interface LeaseGrant {
  readonly header: ResponseHeader;
  readonly id: bigint;
  /** How long the lease lives without a renewal, in seconds. It may be longer than what was asked for. */
  readonly ttlSeconds: number;
}

/** The answer to a revocation. */
export interface LeaseRevocation {
  readonly header: ResponseHeader;
}

/** How a lease stands. */
export interface LeaseTimeToLive {
  readonly header: ResponseHeader;
  readonly id: bigint;
  /** What is left of it, in whole seconds. */
  readonly ttlSeconds: number;
  /** What it had when it was granted or last renewed, in seconds. */
  readonly grantedTtlSeconds: number;
  /** The keys that are tied to it, if asked for; else empty. */
  readonly keys: readonly Uint8Array[];
}

/** The leases of a cluster. */
export interface LeaseList {
  readonly header: ResponseHeader;
  /** The lease that expires first comes first. */
  readonly ids: readonly bigint[];
}

/** The answer to a renewal. */
export interface LeaseRenewal {
  /** Its revision is the store's shortly before the renewal. */
  readonly header: ResponseHeader;
  readonly id: bigint;
  /** How long the lease lives from then on without another renewal, in seconds. */
  readonly ttlSeconds: number;
}

/**
 * Leases: lifetimes that keys are tied to (`put(key, value, { leaseId })`). A lease that is not renewed in time expires,
 * and its keys are deleted.
 *
 * Ids are signed 64-bit integers; `0n` means "no lease" to etcd and is refused with a `RangeError`. Methods do not depend
 * on `this`. Decorators take this interface and return it.
 */
export interface Leases extends KeySpace, AsyncDisposable {
  /**
   * Grants a lease.
   *
   * @param ttlSeconds - How long it lives without a renewal: a whole number of seconds from 1 to 9_000_000_000, else
   * `RangeError`. A server raises a short one (to 2 s, unless its election timeout is configured): what was granted is
   * {@link LeaseGrant.ttlSeconds}.
   * @throws (rejects) `EtcdError` `LEASE_EXIST` when `options.id` is taken; `LEASE_TTL_TOO_LARGE`. When a grant without
   * an id fails with outcome `"unknown"`, a lease that nobody knows may exist; it expires.
   * @see proto LeaseGrantRequest
   */
  grant(ttlSeconds: number, options?: GrantOptions): Promise<LeaseGrant>;

  /**
   * Ends a lease now: its keys are deleted. Every {@link KeepAlive} of the lease that was made here halts before the
   * request leaves (`"revoked"`), so that no holder believes in it any longer than it may exist.
   *
   * @throws (rejects) `EtcdError` `LEASE_NOT_FOUND`, also when an earlier attempt of the same call did the work; with
   * `idempotent: true` that counts as success. `PERMISSION_DENIED` without write permission on all its keys.
   * @see proto LeaseRevokeRequest
   */
  revoke(id: bigint, options?: CallOptions): Promise<LeaseRevocation>;

  /**
   * Tells how a lease stands; `undefined` when the server does not know it: it was never granted, has expired or was
   * revoked.
   *
   * @throws (rejects) `EtcdError` `PERMISSION_DENIED` without read permission on all its keys.
   * @see proto LeaseTimeToLiveRequest
   */
  timeToLive(id: bigint, options?: TimeToLiveOptions): Promise<LeaseTimeToLive | undefined>;

  /**
   * Lists all leases of the cluster.
   *
   * @see proto LeaseLeasesResponse
   */
  list(options?: CallOptions): Promise<LeaseList>;

  /**
   * Renews a lease, once. Repeated until the deadline while no member can do it: to renew a lease twice does no harm.
   *
   * @param options - `timeoutMs`: 10 000 by default.
   * @throws (rejects) `EtcdError` `LEASE_NOT_FOUND`; `PERMISSION_DENIED` without write permission on all its keys;
   * `DEADLINE`.
   * @see proto LeaseKeepAliveRequest
   */
  keepAliveOnce(id: bigint, options?: CallOptions): Promise<LeaseRenewal>;

  /**
   * Renews a lease again and again, from now until the keep-alive is closed or the lease is lost. All leases share one
   * stream to the cluster. Each call is a keep-alive of its own, also for the same lease and with the same signal.
   *
   * After {@link Leases.close} it returns a keep-alive that has halted (`"closed"`).
   */
  keepAlive(id: bigint, options?: LeaseKeepAliveOptions): KeepAlive;

  /**
   * Ends every keep-alive (`"closed"`) without revoking a lease. Calls that have one answer work on until the connection
   * closes. Idempotent.
   */
  close(): Promise<void>;
}
