import { watchesOf } from "../clients/parts-of-driver.js";
import { Rounds } from "./rounds.js";
import { keyAt, needed, type OperationKind, valueFor, type Workload } from "./workload.js";

/** Many watches of one key on one stream: a put that ends when all of them have seen it. */
export const watchFanOutWorkloads: readonly Workload[] = [1_000, 10_000].map((held) => ({
  name: `watch-fan-out-${held}`,
  kind: "watch-fan-out" as const,
  inFlight: 1,
  valueBytes: 64,
  keys: 1,
  keysPerOperation: held,
  held,
}));

export const watchFanOut: OperationKind = {
  metrics: ["eventRate", "p50", "p99", "cpuPerEvent", "rss", "allocated"],
  clients: ["ours", "etcd3", "grpc-js", "go"],
  async begin(driver, workload) {
    const held = needed(workload, "held");
    const rounds = new Rounds(held, workload.valueBytes);
    const watches = await watchesOf(driver).open(keyAt(0), held, rounds);
    watches.read();
    const value = valueFor(workload);
    return {
      async operation() {
        const [seen] = await Promise.all([rounds.next(), driver.put(keyAt(0), value)]);
        return seen;
      },
      async finish() {
        rounds.verify();
        await watches.close();
        return {};
      },
    };
  },
  least: (workload) => needed(workload, "held"),
};
