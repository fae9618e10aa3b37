import {
  checkOptions,
  type GrantOptions,
  isEtcdError,
  isKeepAliveHalted,
  type KeepAlive,
  type Leases,
} from "@etcdkit/core";
import { checkTtl, tables } from "./arguments.js";

/** Options of {@link openLease}. */
export interface OpenLeaseOptions extends Omit<GrantOptions, "idempotent"> {
  /** How long the lease outlives this process at most, in whole seconds, 1 to 9_000_000_000. The server raises a short one. */
  readonly ttlSeconds: number;
  /** Ends the opening, which rejects with its reason; and later closes the lease's keep-alive. */
  readonly signal?: AbortSignal | undefined;
}

/** A lease of this program's own: granted, kept alive, and revoked in the end. */
export interface OpenLease extends AsyncDisposable, Pick<KeepAlive, "signal" | "isHeld" | "remainingMs"> {
  readonly id: bigint;
  /** As granted, in seconds. */
  readonly ttlSeconds: number;
  /**
   * Stops renewing and revokes the lease: its keys are deleted. A lease that was lost is past caring for; whether it could
   * be revoked is not told then. Idempotent.
   *
   * @throws (rejects) `EtcdError` when the revocation failed. The lease then expires within its time to live.
   */
  close(): Promise<void>;
}

/**
 * Grants a lease and keeps it alive until it is closed, or disposed of by `await using`. Resolves once it is held: granted
 * and renewed for the first time.
 *
 * @param leases - What `createLeases` returned, or a decorator of that.
 * @throws (rejects) As {@link Leases.grant}; `KeepAliveHaltedError` when the lease is lost before it was held;
 * `options.signal.reason` when aborted.
 */
export async function openLease(leases: Leases, options: OpenLeaseOptions): Promise<OpenLease> {
  checkOptions(tables.openLease, options);
  checkTtl(options?.ttlSeconds, "ttlSeconds");
  const { ttlSeconds, ...grantOptions } = options;
  const grant = await leases.grant(ttlSeconds, grantOptions);
  const keepAlive = leases.keepAlive(grant.id, { signal: options.signal });
  const lease = new KeptOpenLease(leases, keepAlive, grant.ttlSeconds);
  try {
    // To leave the iteration by `return` would close the keep-alive; it is just not read on.
    const first = await keepAlive[Symbol.asyncIterator]().next();
    if (first.done !== true) return lease;
    options.signal?.throwIfAborted();
    throw keepAlive.signal.reason;
  } catch (error) {
    void lease.close().catch(() => undefined);
    throw error;
  }
}

// The server needs no longer than this to answer, or has more to do than to revoke leases.
const longestRevocationMs = 10_000;

class KeptOpenLease implements OpenLease {
  readonly ttlSeconds: number;
  readonly #leases: Leases;
  readonly #keepAlive: KeepAlive;
  #closure: Promise<void> | undefined;

  constructor(leases: Leases, keepAlive: KeepAlive, ttlSeconds: number) {
    this.#leases = leases;
    this.#keepAlive = keepAlive;
    this.ttlSeconds = ttlSeconds;
  }

  get id(): bigint {
    return this.#keepAlive.leaseId;
  }

  get signal(): AbortSignal {
    return this.#keepAlive.signal;
  }

  isHeld(): boolean {
    return this.#keepAlive.isHeld();
  }

  remainingMs(): number {
    return this.#keepAlive.remainingMs();
  }

  close(): Promise<void> {
    this.#closure ??= this.#close();
    return this.#closure;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { signal } = this.#keepAlive;
    const lost = signal.aborted && !isKeepAliveHalted(signal.reason, "closed");
    if (isKeepAliveHalted(signal.reason, "expired") || isKeepAliveHalted(signal.reason, "revoked")) return;
    await this.#keepAlive.close();
    try {
      // Later than this there is nothing left to revoke.
      const timeoutMs = Math.min(this.ttlSeconds * 1_000, longestRevocationMs);
      await this.#leases.revoke(this.id, { idempotent: true, timeoutMs });
    } catch (error) {
      if (!(lost || isEtcdError(error, "LEASE_NOT_FOUND"))) throw error;
    }
  }
}
