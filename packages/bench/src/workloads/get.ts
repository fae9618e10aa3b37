import { operationMetrics } from "./operation-metrics.js";
import { around, keysOf, type OperationKind, type Workload } from "./workload.js";

const sizes = [
  { suffix: "", valueBytes: 256 },
  { suffix: "-16k", valueBytes: 16_384 },
];

/** Reads single keys, one after another around all of them. */
export const getWorkloads: readonly Workload[] = sizes.flatMap(({ suffix, valueBytes }) =>
  [1, 64, 512].map((inFlight) => ({
    name: `get-${inFlight}${suffix}`,
    kind: "get" as const,
    inFlight,
    valueBytes,
    keys: 1_000,
    keysPerOperation: 1,
  })),
);

export const get: OperationKind = {
  metrics: operationMetrics,
  begin(driver, workload) {
    const keys = keysOf(workload);
    return { operation: (index) => driver.get(around(keys, index)) };
  },
  least: ({ valueBytes }) => valueBytes,
};
