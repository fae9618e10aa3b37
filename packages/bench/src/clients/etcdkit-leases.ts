import type { Leases } from "etcdkit";
import { inParallel } from "../in-parallel.js";
import { type LeaseDriver, leaseCallsAtOnce } from "./driver.js";

/** Keep-alives that nobody reads, since they need no reader: a program asks whether a lease is held. */
export function etcdkitLeases(leases: Leases): LeaseDriver {
  return {
    async keep(count, ttlSeconds) {
      const kept = await inParallel(count, leaseCallsAtOnce, async () => {
        const { id } = await leases.grant(ttlSeconds);
        return leases.keepAlive(id);
      });
      return async () => {
        const lost = kept.filter((keepAlive) => !keepAlive.isHeld()).length;
        await inParallel(count, leaseCallsAtOnce, async (index) => {
          const id = kept[index]?.leaseId;
          if (id !== undefined) await leases.revoke(id);
        });
        if (lost > 0) throw new Error(`${lost} of ${count} keep-alives do not hold their lease`);
      };
    },
  };
}
