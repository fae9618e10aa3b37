import { keyPrefix, type Workload, type WorkloadKind } from "./workload.js";

/** Reads all keys by their prefix in one answer. */
export const rangeWorkloads: readonly Workload[] = [1, 100, 10_000].map((keys) => ({
  name: `range-${keys}`,
  kind: "range" as const,
  inFlight: 4,
  valueBytes: 256,
  keys,
  keysPerOperation: keys,
}));

export const range: WorkloadKind = {
  operation: (driver) => () => driver.range(keyPrefix),
  least: ({ keys }) => keys,
};
