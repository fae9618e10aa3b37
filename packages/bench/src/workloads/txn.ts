import { operationMetrics } from "./operation-metrics.js";
import { around, keysOf, type OperationKind, valueFor, type Workload } from "./workload.js";

/** Compares three keys that exist and writes the same three. */
export const txnWorkloads: readonly Workload[] = [
  { name: "txn-64", kind: "txn", inFlight: 64, valueBytes: 256, keys: 1_000, keysPerOperation: 3 },
];

export const txn: OperationKind = {
  metrics: operationMetrics,
  begin(driver, workload) {
    const keys = keysOf(workload);
    const value = valueFor(workload);
    return {
      operation(index) {
        const three = [around(keys, index), around(keys, index + 1), around(keys, index + 2)] as const;
        return driver.txn(three, value);
      },
    };
  },
  least: () => 1,
};
