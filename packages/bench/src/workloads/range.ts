import { keyPrefix, type OperationKind, type Workload } from "./workload.js";

/** Reads all keys by their prefix in one answer. */
export const rangeWorkloads: readonly Workload[] = [1, 100, 10_000].map((keys) => ({
  name: `range-${keys}`,
  kind: "range" as const,
  inFlight: 4,
  valueBytes: 256,
  keys,
  keysPerOperation: keys,
}));

export const range: OperationKind = {
  metrics: ["rate", "p50", "p99", "p999", "cpu", "cpuPerKey", "rss", "allocated"],
  begin: (driver) => ({ operation: () => driver.range(keyPrefix) }),
  least: ({ keys }) => keys,
};
