import { watchesOf } from "../clients/parts-of-driver.js";
import { Rounds } from "./rounds.js";
import { type HoldingKind, keyAt, valueFor, type Workload } from "./workload.js";

/** Watches that stand while nothing happens: by themselves, and each with a reader of the program's that waits. */
export const watchHoldWorkloads: readonly Workload[] = [
  { name: "watchers-idle-10000", read: false },
  { name: "watchers-awaited-10000", read: true },
].map(({ name, read }) => ({
  name,
  kind: "watch-hold",
  inFlight: 1,
  valueBytes: 64,
  keys: 1,
  keysPerOperation: 1,
  held: 10_000,
  read,
}));

export const watchHold: HoldingKind = {
  metrics: ["heapEach", "cpuPerSecond", "rss"],
  clients: ["ours", "etcd3", "go"],
  async hold(driver, workload, _endpoint, count) {
    const rounds = new Rounds(count, workload.valueBytes);
    const watches = await watchesOf(driver).open(keyAt(0), count, rounds);
    if (workload.read === true) watches.read();
    return {
      count: () => Promise.resolve(0),
      async verify() {
        if (workload.read !== true) watches.read();
        await Promise.all([rounds.next(), driver.put(keyAt(0), valueFor(workload))]);
        rounds.verify();
      },
      release: () => watches.close(),
    };
  },
  leastMs: () => 0,
};
