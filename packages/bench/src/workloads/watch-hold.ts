import { watchesOf } from "../clients/parts-of-driver.js";
import { Rounds } from "./rounds.js";
import { type HoldingKind, keyAt, valueFor, type Workload } from "./workload.js";

/** Watches that stand, each with a reader that waits, while nothing happens. */
export const watchHoldWorkloads: readonly Workload[] = [
  {
    name: "watchers-idle-10000",
    kind: "watch-hold",
    inFlight: 1,
    valueBytes: 64,
    keys: 1,
    keysPerOperation: 1,
    held: 10_000,
  },
];

export const watchHold: HoldingKind = {
  metrics: ["heapEach", "cpuPerSecond", "rss"],
  clients: ["ours", "etcd3", "go"],
  async hold(driver, workload, _endpoint, count) {
    const rounds = new Rounds(count, workload.valueBytes);
    const release = await watchesOf(driver).open(keyAt(0), count, rounds);
    return {
      count: () => Promise.resolve(0),
      async verify() {
        await Promise.all([rounds.next(), driver.put(keyAt(0), valueFor(workload))]);
        rounds.verify();
      },
      release,
    };
  },
  leastMs: () => 0,
};
