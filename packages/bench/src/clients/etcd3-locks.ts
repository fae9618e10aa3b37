import type { Etcd3 } from "etcd3";
import { around } from "../workloads/workload.js";
import { type LockDriver, sessionTtlSeconds } from "./coordination-drivers.js";

/** Each lock that is taken has a lease of its own, and who finds it taken fails: there is nothing that waits. */
export function etcd3Locks(client: Etcd3): LockDriver {
  return {
    async open(names) {
      return {
        async lock(contender) {
          const lock = await client.lock(around(names, contender)).ttl(sessionTtlSeconds).acquire();
          return () => lock.release();
        },
        close: () => Promise.resolve(),
      };
    },
  };
}
