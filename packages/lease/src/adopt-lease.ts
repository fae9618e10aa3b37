import { EtcdError, isKeepAliveHalted, type Leases } from "@etcdkit/core";
import { checkId, checkOptions } from "@etcdkit/core/spi";
import { tables } from "./arguments.js";
import { KeptOpenLease, type OpenLease } from "./kept-open-lease.js";

/** Options of {@link adoptLease}. */
export interface AdoptLeaseOptions {
  /** Ends the adoption, which rejects with its reason; and later closes the lease's keep-alive. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes over a lease that somebody else has granted, such as this program before it was started anew: keeps it alive until
 * it is closed, which revokes it, or left. Resolves once it is held: renewed for the first time.
 *
 * Who kept it alive before is to have stopped doing so: two who believe that a lease is theirs would both act on its behalf.
 *
 * @param leases - What `createLeases` returned, or a decorator of that.
 * @throws (rejects) `LEASE_NOT_FOUND` when there is no such lease (any more); `KeepAliveHaltedError` when it could not be
 * renewed for another reason; `options.signal.reason` when aborted. The lease is left as it is then.
 */
export async function adoptLease(
  leases: Leases,
  id: bigint,
  options: AdoptLeaseOptions = {},
): Promise<OpenLease> {
  checkId(id, "id");
  checkOptions(tables.adoptLease, options);
  options.signal?.throwIfAborted();
  const keepAlive = leases.keepAlive(id, { signal: options.signal });
  try {
    const first = await keepAlive[Symbol.asyncIterator]().next();
    if (first.done !== true) return new KeptOpenLease(leases, keepAlive, first.value.ttlSeconds);
    throw keepAlive.signal.reason;
  } catch (error) {
    await keepAlive.close();
    // Before the error is looked at: the caller's reason may itself be the loss of a lease, of another one.
    options.signal?.throwIfAborted();
    if (!isKeepAliveHalted(error, "expired")) throw error;
    throw new EtcdError("LEASE_NOT_FOUND", `there is no lease ${id} to adopt`, { cause: error });
  }
}
