import type { Leases } from "etcdkit";
import type { LeaseDriver } from "./driver.js";

/** Keep-alives that nobody reads, since they need no reader: a program asks whether a lease is held. */
export function etcdkitLeases(leases: Leases): LeaseDriver {
  return {
    async keep(count, ttlSeconds) {
      const kept = await Promise.all(
        Array.from({ length: count }, async () => leases.keepAlive((await leases.grant(ttlSeconds)).id)),
      );
      return async () => {
        const lost = kept.filter((keepAlive) => !keepAlive.isHeld()).length;
        await Promise.all(kept.map(({ leaseId }) => leases.revoke(leaseId)));
        if (lost > 0) throw new Error(`${lost} of ${count} keep-alives do not hold their lease`);
      };
    },
  };
}
