import { get, getWorkloads } from "./get.js";
import { put, putWorkloads } from "./put.js";
import { range, rangeWorkloads } from "./range.js";
import { txn, txnWorkloads } from "./txn.js";
import type { Workload, WorkloadKind } from "./workload.js";

/** Every workload, in the order in which they are measured and shown. */
export const workloads: readonly Workload[] = [
  ...getWorkloads,
  ...putWorkloads,
  ...txnWorkloads,
  ...rangeWorkloads,
];

export const workloadKinds: Readonly<Record<Workload["kind"], WorkloadKind>> = { get, put, txn, range };

/**
 * The workloads that are meant, in their own order.
 *
 * @param wanted - Names of workloads or of kinds: `get` stands for all its workloads.
 * @throws `RangeError` that names what is no workload.
 */
export function chooseWorkloads(wanted: readonly string[]): readonly Workload[] {
  for (const name of wanted) {
    if (!workloads.some((workload) => isMeant(workload, name))) {
      const known = workloads.map((workload) => workload.name).join(", ");
      throw new RangeError(`only: there is no workload ${name}. There are ${known}`);
    }
  }
  return workloads.filter((workload) => wanted.some((name) => isMeant(workload, name)));
}

function isMeant({ name, kind }: Workload, wanted: string): boolean {
  return wanted === name || wanted === kind;
}
