import type { Etcd3 } from "etcd3";
import { inParallel } from "../in-parallel.js";
import { type LeaseDriver, leaseCallsAtOnce } from "./driver.js";

/** Each lease has a stream of its own. */
export function etcd3Leases(client: Etcd3): LeaseDriver {
  return {
    async keep(count, ttlSeconds) {
      const leases = await inParallel(count, leaseCallsAtOnce, async () => {
        const lease = client.lease(ttlSeconds);
        await lease.grant();
        return lease;
      });
      return async () => {
        await inParallel(count, leaseCallsAtOnce, async (index) => await leases[index]?.revoke());
      };
    },
  };
}
