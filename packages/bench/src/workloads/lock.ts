import { locksOf } from "../clients/parts-of-driver.js";
import { countServerCost } from "./server-cost.js";
import { around, needed, type OperationKind, type Workload } from "./workload.js";

const contenders = 100;
const warmUpMs = 5_000;

/** Locks that nobody else wants, in one session: a lock is taken and released. */
export const lockWorkloads: readonly Workload[] = [1, 64].map((names) => ({
  name: `lock-${names}`,
  kind: "lock" as const,
  inFlight: names,
  ...{ names, sessions: 1, warmUpMs },
  // They are not looked at.
  ...{ valueBytes: 64, keys: 1, keysPerOperation: 1 },
}));

/**
 * One lock that many want at once. Each has a session of its own, as in as many programs: what is measured is the queue of
 * the cluster.
 */
export const lockContendedWorkloads: readonly Workload[] = [
  {
    name: `lock-contended-${contenders}`,
    kind: "lock-contended",
    inFlight: contenders,
    ...{ names: 1, sessions: contenders, warmUpMs },
    ...{ valueBytes: 64, keys: 1, keysPerOperation: 1 },
  },
];

export const lock: OperationKind = {
  metrics: ["rate", "p50", "p99", "requests", "cpu", "rss", "allocated"],
  clients: ["ours", "etcd3", "go"],
  async begin(driver, workload, endpoint) {
    const { inFlight } = workload;
    const names = Array.from({ length: needed(workload, "names") }, (_, index) => lockAt(index));
    const wanted = Array.from({ length: inFlight }, (_, contender) => around(names, contender));
    const locks = await locksOf(driver).open(wanted, needed(workload, "sessions"));
    const idle = wanted.map((_, contender) => contender);
    const cost = await countServerCost(endpoint);
    let operations = 0;
    return {
      async operation() {
        const contender = idle.pop();
        if (contender === undefined) throw new Error(`${workload.name}: more in flight than contenders`);
        const release = await locks.lock(contender);
        await release();
        idle.push(contender);
        return ++operations;
      },
      async finish() {
        const { deletions, ...findings } = await cost(operations);
        if (deletions < operations) {
          throw new Error(`${workload.name}: ${deletions} keys were deleted by ${operations} releases`);
        }
        await locks.close();
        return findings;
      },
    };
  },
  least: () => 1,
};

export const lockContended: OperationKind = {
  ...lock,
  metrics: ["rate", "p50", "p99", "events", "requests", "cpu", "rss", "allocated"],
  clients: ["ours", "go"],
};

/** The name of a lock. The Go program of this package spells it the same way. */
export function lockAt(index: number): string {
  return `bench/lock-${String(index).padStart(6, "0")}`;
}
