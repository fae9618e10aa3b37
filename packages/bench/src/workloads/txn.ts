import { around, keysOf, valueFor, type Workload, type WorkloadKind } from "./workload.js";

/** Compares three keys that exist and writes the same three. */
export const txnWorkloads: readonly Workload[] = [
  { name: "txn-64", kind: "txn", inFlight: 64, valueBytes: 256, keys: 1_000, keysPerOperation: 3 },
];

export const txn: WorkloadKind = {
  operation(driver, workload) {
    const keys = keysOf(workload);
    const value = valueFor(workload);
    return (index) => {
      const three = [around(keys, index), around(keys, index + 1), around(keys, index + 2)] as const;
      return driver.txn(three, value);
    };
  },
  least: () => 1,
};
