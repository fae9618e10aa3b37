import { isEtcdError, isKeepAliveHalted, type KeepAlive, type Leases } from "@etcdkit/core";

/** A lease of this program's own: granted, kept alive, and revoked in the end. */
export interface OpenLease extends AsyncDisposable, Pick<KeepAlive, "signal" | "isHeld" | "remainingMs"> {
  readonly id: bigint;
  /** As granted, in seconds. */
  readonly ttlSeconds: number;
  /** Stops renewing and does not revoke the lease: whoever adopts it in time keeps it, else it expires. Idempotent. */
  leave(): Promise<void>;
  /**
   * Stops renewing and revokes the lease: its keys are deleted. A lease that was lost is past caring for; whether it could
   * be revoked is not told then. After {@link OpenLease.leave} it does nothing. Idempotent.
   *
   * @throws (rejects) `EtcdError` when the revocation failed. The lease then expires within its time to live.
   */
  close(): Promise<void>;
}

// The server needs no longer than this to answer, or has more to do than to revoke leases.
const longestRevocationMs = 10_000;

/** {@link OpenLease}. */
export class KeptOpenLease implements OpenLease {
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

  leave(): Promise<void> {
    this.#closure ??= this.#keepAlive.close();
    return this.#closure;
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
