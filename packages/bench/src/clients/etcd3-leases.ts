import type { Etcd3 } from "etcd3";
import type { LeaseDriver } from "./driver.js";

/** Each lease has a stream of its own. */
export function etcd3Leases(client: Etcd3): LeaseDriver {
  return {
    async keep(count, ttlSeconds) {
      const leases = Array.from({ length: count }, () => client.lease(ttlSeconds));
      await Promise.all(leases.map((lease) => lease.grant()));
      return async () => {
        await Promise.all(leases.map((lease) => lease.revoke()));
      };
    },
  };
}
