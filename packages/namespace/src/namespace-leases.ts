import type { BytesLike, KeepAlive, Leases } from "@etcdkit/core";
import { checkLeases } from "@etcdkit/core/spi";
import { KeyPrefix } from "./key-prefix.js";
import { innerKeys } from "./translate.js";

/**
 * Leases, seen from a namespace: `timeToLive` lists only the keys of a lease that are in it, without the prefix.
 *
 * A lease itself belongs to no namespace: ids are those of the whole cluster, `list` lists all of them, and a lease that
 * is revoked or expires takes its keys along wherever they are.
 *
 * Closing it halts what is kept alive through it, and nothing else; closing what it wraps halts that too.
 *
 * @param leases - The leases; those of another namespace, for instance.
 * @param prefix - As of {@link namespaceKv}.
 * @throws `TypeError` for what are no `Leases`, or a prefix that cannot be used.
 */
export function namespaceLeases(leases: Leases, prefix: BytesLike): Leases {
  checkLeases(leases, "leases");
  const own = new KeyPrefix(prefix);
  const keepAlives = new Set<KeepAlive>();
  let closed = false;

  async function close(): Promise<void> {
    closed = true;
    await Promise.all([...keepAlives].map((keepAlive) => keepAlive.close()));
  }

  return {
    keyPrefix: own.within(leases),
    grant: (ttlSeconds, options) => leases.grant(ttlSeconds, options),
    revoke: (id, options) => leases.revoke(id, options),
    async timeToLive(id, options) {
      const lease = await leases.timeToLive(id, options);
      return lease && { ...lease, keys: innerKeys(own, lease.keys) };
    },
    list: (options) => leases.list(options),
    keepAliveOnce: (id, options) => leases.keepAliveOnce(id, options),
    keepAlive(id, options) {
      // With a signal that has aborted, it is over before anything is sent.
      if (closed) return leases.keepAlive(id, { ...options, signal: AbortSignal.abort() });
      const keepAlive = leases.keepAlive(id, options);
      const { signal } = keepAlive;
      if (signal.aborted) return keepAlive;
      keepAlives.add(keepAlive);
      signal.addEventListener("abort", () => keepAlives.delete(keepAlive), { once: true });
      return keepAlive;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
