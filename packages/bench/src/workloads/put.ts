import { operationMetrics } from "./operation-metrics.js";
import { around, keysOf, type OperationKind, valueFor, type Workload } from "./workload.js";

const sizes = [
  { suffix: "", valueBytes: 256 },
  { suffix: "-16k", valueBytes: 16_384 },
];

/** Writes single keys that exist, one after another around all of them. */
export const putWorkloads: readonly Workload[] = sizes.flatMap(({ suffix, valueBytes }) =>
  [1, 64, 512].map((inFlight) => ({
    name: `put-${inFlight}${suffix}`,
    kind: "put" as const,
    inFlight,
    valueBytes,
    keys: 1_000,
    keysPerOperation: 1,
  })),
);

export const put: OperationKind = {
  metrics: operationMetrics,
  begin(driver, workload) {
    const keys = keysOf(workload);
    const value = valueFor(workload);
    return { operation: (index) => driver.put(around(keys, index), value) };
  },
  least: () => 1,
};
