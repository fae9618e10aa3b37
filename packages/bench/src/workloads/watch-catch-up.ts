import { watchesOf } from "../clients/parts-of-driver.js";
import { keyPrefix, needed, type OperationKind, type Workload } from "./workload.js";

const keys = 100;
const revisions = 4_000;

/** One watch through the whole history of a server, 100 events to a revision. An operation is all of it. */
export const watchCatchUpWorkloads: readonly Workload[] = [
  {
    name: "watch-catch-up",
    kind: "watch-catch-up",
    inFlight: 1,
    valueBytes: 16,
    keys,
    revisions,
    keysPerOperation: keys * revisions,
  },
];

export const watchCatchUp: OperationKind = {
  metrics: ["eventRate", "cpuPerEvent", "p50", "rss", "allocatedPerEvent"],
  clients: ["ours", "etcd3", "grpc-js", "go"],
  begin(driver, workload) {
    const watches = watchesOf(driver);
    // A store begins at revision 1, before anything was written.
    const until = needed(workload, "revisions") + 1;
    const expected = workload.keysPerOperation;
    return {
      async operation() {
        const events = await watches.catchUp(keyPrefix, until);
        if (events > expected) throw new Error(`${workload.name}: ${events} events instead of ${expected}`);
        return events;
      },
    };
  },
  least: ({ keysPerOperation }) => keysPerOperation,
};
