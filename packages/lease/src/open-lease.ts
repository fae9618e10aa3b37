import type { GrantOptions, Leases } from "@etcdkit/core";
import { checkOptions } from "@etcdkit/core/spi";
import { checkTtl, tables } from "./arguments.js";
import { KeptOpenLease, type OpenLease } from "./kept-open-lease.js";

/** Options of {@link openLease}. */
export interface OpenLeaseOptions extends Omit<GrantOptions, "idempotent"> {
  /** How long the lease outlives this process at most, in whole seconds, 1 to 9_000_000_000. The server raises a short one. */
  readonly ttlSeconds: number;
  /** Ends the opening, which rejects with its reason; and later closes the lease's keep-alive. */
  readonly signal?: AbortSignal | undefined;
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
