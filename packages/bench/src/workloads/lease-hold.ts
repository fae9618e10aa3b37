import { setTimeout as delay } from "node:timers/promises";
import { leasesOf } from "../clients/parts-of-driver.js";
import { leaseCount, renewalCount } from "../server-says.js";
import { type HoldingKind, needed, type Workload } from "./workload.js";

// Long enough that a busy machine does not lose what a client keeps.
const ttlSeconds = 9;
const pollMs = 20;

/** Leases that are kept alive. A client renews each at a third of its time to live, every 3 s. */
export const leaseHoldWorkloads: readonly Workload[] = [1_000, 10_000].map((held) => ({
  name: `leases-${held}`,
  kind: "lease-hold" as const,
  inFlight: 1,
  valueBytes: 64,
  keys: 1,
  keysPerOperation: 1,
  held,
  ttlSeconds,
}));

export const leaseHold: HoldingKind = {
  metrics: ["heapEach", "cpuPerSecond", "renewals", "cpuPerRenewal", "rss"],
  clients: ["ours", "etcd3", "go"],
  async hold(driver, workload, endpoint, count) {
    const before = await renewalCount(endpoint);
    const release = await leasesOf(driver).keep(count, needed(workload, "ttlSeconds"));
    // Only then every one has all that it needs.
    while ((await renewalCount(endpoint)) < before + count) await delay(pollMs);
    return {
      count: () => renewalCount(endpoint),
      async verify() {
        const alive = await leaseCount(endpoint);
        if (alive !== count) throw new Error(`${workload.name}: ${alive} of ${count} leases are alive`);
      },
      release,
    };
  },
  // A lease that is not renewed in this time is gone at its end.
  leastMs: (workload) => needed(workload, "ttlSeconds") * 1_000,
};
