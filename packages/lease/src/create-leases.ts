import {
  type CallOptions,
  type Clock,
  EtcdError,
  type GrantOptions,
  isEtcdError,
  type LeaseGrant,
  type LeaseKeepAliveOptions,
  type LeaseList,
  type LeaseRenewal,
  type LeaseRevocation,
  type Leases,
  type LeaseTimeToLive,
  type TimeToLiveOptions,
} from "@etcdkit/core";
import { Lease } from "@etcdkit/core/protocol";
import { callOf, callUnary, checkId, checkOptions, headerOf } from "@etcdkit/core/spi";
import { checkTtl, tables } from "./arguments.js";
import { LeaseKeeper } from "./lease-keeper.js";
import { type LeaseConnection, Members } from "./members.js";
import { renewOnce } from "./renew-once.js";
import { suspensionClock } from "./suspension-clock.js";

/** Options of {@link createLeases}. */
export interface LeasesOptions {
  /**
   * Where time comes from. Default: the monotonic clock of the process, and the time for which the machine was suspended, as
   * far as the system tells it by its uptime. For tests.
   */
  readonly clock?: Clock | undefined;
}

/**
 * The lease service of etcd over a connection. Nothing is sent, and no stream is open, as long as no lease is kept alive.
 *
 * @param connection - What `connect` returned, or anything with a transport that rejects as a connection's does. Without
 *   `endpoint` and `endpoints`, a renewal is repeated wherever the transport sends it.
 */
export function createLeases(connection: LeaseConnection, options: LeasesOptions = {}): Leases {
  checkOptions(tables.createLeases, options);
  const { transport, signal } = connection;
  const { clock = suspensionClock() } = options;
  const keeper = new LeaseKeeper({
    members: new Members(connection),
    clock,
    renewApart: (id, timeoutMs, until) => renewOnce(transport, clock, id, { signal: until, timeoutMs }),
  });

  const onClose = (): void => keeper.close();
  signal?.addEventListener("abort", onClose, { once: true });
  if (signal?.aborted) onClose();
  const close = (): Promise<void> => {
    signal?.removeEventListener("abort", onClose);
    keeper.close();
    return Promise.resolve();
  };

  async function timeToLive(
    id: bigint,
    ttlOptions?: TimeToLiveOptions,
  ): Promise<LeaseTimeToLive | undefined> {
    checkId(id, "id");
    checkOptions(tables.timeToLive, ttlOptions);
    const request = { ID: id, keys: ttlOptions?.keys ?? false };
    const answer = await callUnary(transport, Lease.method.leaseTimeToLive, request, callOf(ttlOptions));
    if (answer.TTL < 0n) return undefined;
    return {
      header: headerOf(answer),
      id: answer.ID,
      ttlSeconds: Number(answer.TTL),
      grantedTtlSeconds: Number(answer.grantedTTL),
      keys: answer.keys,
    };
  }

  /** A grant that was repeated finds the lease taken: by the attempt whose answer was lost. */
  async function ownGrant(error: unknown, id: bigint, call: CallOptions | undefined): Promise<LeaseGrant> {
    if (!isEtcdError(error, "LEASE_EXIST") || error.outcome !== "unknown") throw error;
    const lease = await timeToLive(id, call);
    if (lease === undefined) throw error;
    return { header: lease.header, id, ttlSeconds: lease.grantedTtlSeconds };
  }

  return {
    async grant(ttlSeconds: number, grantOptions?: GrantOptions): Promise<LeaseGrant> {
      checkTtl(ttlSeconds, "ttlSeconds");
      checkOptions(tables.grant, grantOptions);
      const id = grantOptions?.id;
      const call = id === undefined ? callOf(grantOptions) : { ...callOf(grantOptions), idempotent: true };
      const request = { TTL: BigInt(ttlSeconds), ID: id ?? 0n };
      try {
        const answer = await callUnary(transport, Lease.method.leaseGrant, request, call);
        if (answer.error !== "") throw new EtcdError("UNKNOWN", answer.error, { outcome: "unknown" });
        return { header: headerOf(answer), id: answer.ID, ttlSeconds: Number(answer.TTL) };
      } catch (error) {
        if (id === undefined) throw error;
        return await ownGrant(error, id, callOf(grantOptions));
      }
    },

    async revoke(id: bigint, call?: CallOptions): Promise<LeaseRevocation> {
      checkId(id, "id");
      checkOptions(tables.revoke, call);
      call?.signal?.throwIfAborted();
      keeper.halt(id, "revoked");
      try {
        return { header: headerOf(await callUnary(transport, Lease.method.leaseRevoke, { ID: id }, call)) };
      } catch (error) {
        // The caller said that a second revocation does no harm, and this is what a second one finds.
        const done = call?.idempotent === true && isEtcdError(error, "LEASE_NOT_FOUND");
        if (!done || error.outcome !== "unknown") throw error;
        return { header: headerOf({}) };
      }
    },

    timeToLive,

    async list(call?: CallOptions): Promise<LeaseList> {
      checkOptions(tables.list, call);
      const answer = await callUnary(transport, Lease.method.leaseLeases, {}, call);
      return { header: headerOf(answer), ids: answer.leases.map(({ ID }) => ID) };
    },

    async keepAliveOnce(id: bigint, call?: CallOptions): Promise<LeaseRenewal> {
      checkId(id, "id");
      checkOptions(tables.keepAliveOnce, call);
      call?.signal?.throwIfAborted();
      return await renewOnce(transport, clock, id, call);
    },

    keepAlive(id: bigint, keepOptions?: LeaseKeepAliveOptions) {
      checkId(id, "id");
      checkOptions(tables.keepAlive, keepOptions);
      return keeper.keep(id, keepOptions?.requireLeader ?? false, keepOptions?.signal);
    },

    close,
    [Symbol.asyncDispose]: close,
  };
}
