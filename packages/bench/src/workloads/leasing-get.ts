import { setImmediate as turn } from "node:timers/promises";
import { leasingOf } from "../clients/parts-of-driver.js";
import { countServerCost } from "./server-cost.js";
import { keysOf, type OperationKind, type Workload } from "./workload.js";

const leasingPrefix = "bench/leasing/";

/** Reads of keys that the client owns, one after the other. An operation is all of them once. */
export const leasingGetWorkloads: readonly Workload[] = [
  {
    name: "leasing-get",
    kind: "leasing-get",
    inFlight: 1,
    valueBytes: 256,
    keys: 1_000,
    keysPerOperation: 1_000,
  },
];

export const leasingGet: OperationKind = {
  metrics: ["keyRate", "cpuPerKey", "p50", "requests", "rss", "allocated"],
  clients: ["ours", "go"],
  async begin(driver, workload, endpoint) {
    const keys = keysOf(workload);
    const reads = await leasingOf(driver).open(leasingPrefix);
    const readAll = async (): Promise<number> => {
      for (const key of keys) {
        const bytes = await reads.get(key);
        if (bytes !== workload.valueBytes) throw new Error(`${workload.name}: got ${bytes} bytes of ${key}`);
      }
      // Nothing above waits for the server, so that nobody else would have a turn: not even who renews the lease.
      await turn();
      return keys.length;
    };
    await readAll(); // which makes them owned
    const hitsBefore = reads.hits?.();
    const cost = await countServerCost(endpoint);
    let operations = 0;
    return {
      async operation() {
        operations++;
        return await readAll();
      },
      async finish() {
        const { requestsPerOperation } = await cost(operations);
        const hits = reads.hits?.();
        if (hits !== undefined && hitsBefore !== undefined && hits - hitsBefore < operations * keys.length) {
          throw new Error(
            `${workload.name}: ${hits - hitsBefore} of ${operations * keys.length} reads were hits`,
          );
        }
        await reads.close();
        return { requestsPerOperation };
      },
    };
  },
  least: ({ keysPerOperation }) => keysPerOperation,
};
