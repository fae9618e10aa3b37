import { type ConnectOptions, compare, createEtcd, op } from "etcdkit";
import type { Driver } from "./driver.js";
import { etcdkitLeases } from "./etcdkit-leases.js";
import { etcdkitLeasing } from "./etcdkit-leasing.js";
import { etcdkitLocks } from "./etcdkit-locks.js";
import { etcdkitStm } from "./etcdkit-stm.js";
import { etcdkitWatches } from "./etcdkit-watches.js";

/** The whole client, as programs use it: with deadlines, balancing and everything else in place. */
export async function openEtcdkit(endpoint: string, options: Partial<ConnectOptions> = {}): Promise<Driver> {
  const etcd = createEtcd({ ...options, endpoints: endpoint });
  const { kv, watcher, leases, close } = etcd;
  return {
    async get(key) {
      const found = await kv.get(key);
      return found?.value.length ?? 0;
    },
    async put(key, value) {
      await kv.put(key, value);
      return 1;
    },
    async txn([a, b, c], value) {
      const { succeeded } = await kv.txn({
        compare: [
          compare.version(a).greaterThan(0n),
          compare.version(b).greaterThan(0n),
          compare.version(c).greaterThan(0n),
        ],
        success: [op.put(a, value), op.put(b, value), op.put(c, value)],
      });
      return succeeded ? 1 : 0;
    },
    async range(prefix) {
      const { kvs } = await kv.range({ prefix });
      return kvs.length;
    },
    watches: etcdkitWatches(watcher),
    leases: etcdkitLeases(leases),
    locks: etcdkitLocks(etcd),
    stm: etcdkitStm(kv),
    leasing: etcdkitLeasing(etcd),
    close,
  };
}
