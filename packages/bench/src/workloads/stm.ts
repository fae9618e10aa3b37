import { stmOf } from "../clients/parts-of-driver.js";
import { countServerCost } from "./server-cost.js";
import { around, keyPrefix, keysOf, type OperationKind, type Workload } from "./workload.js";

/**
 * Transfers between two accounts, which meet seldom or all the time. Every account begins empty, which is 0.
 */
export const stmWorkloads: readonly Workload[] = [
  { name: "stm-16", inFlight: 16, keys: 1_000 },
  { name: "stm-64", inFlight: 64, keys: 1_000 },
  { name: "stm-hot-16", inFlight: 16, keys: 8 },
].map((workload) => ({
  ...workload,
  ...{ kind: "stm", valueBytes: 0, keysPerOperation: 2, warmUpMs: 5_000 },
}));

export const stm: OperationKind = {
  metrics: ["rate", "p50", "p99", "requests", "cpu", "rss", "allocated"],
  clients: ["ours", "go"],
  async begin(driver, workload, endpoint) {
    const accounts = stmOf(driver);
    const keys = keysOf(workload);
    const cost = await countServerCost(endpoint);
    let operations = 0;
    return {
      async operation(index) {
        const [from, to] = pairAt(index, workload.keys);
        const attempts = await accounts.transfer(around(keys, from), around(keys, to));
        operations++;
        return attempts;
      },
      async finish() {
        const { requestsPerOperation } = await cost(operations);
        const total = await accounts.total(keyPrefix);
        if (total !== 0) throw new Error(`${workload.name}: the accounts hold ${total} instead of 0`);
        return { requestsPerOperation };
      },
    };
  },
  least: () => 1,
};

/**
 * Two different numbers below `count`, as if by chance, but for each index always the same. The Go program of this package
 * finds the same ones.
 *
 * @param count - At least 2.
 */
export function pairAt(index: number, count: number): readonly [number, number] {
  const mixed = mix(index);
  const first = mixed % count;
  const distance = 1 + (Math.floor(mixed / count) % (count - 1));
  return [first, (first + distance) % count];
}

/** Makes neighbours differ in all bits: the finalizer of MurmurHash3 for 32 bits. */
function mix(index: number): number {
  let mixed = index >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
