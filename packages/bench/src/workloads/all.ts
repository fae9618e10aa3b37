import { get, getWorkloads } from "./get.js";
import { leaseHold, leaseHoldWorkloads } from "./lease-hold.js";
import { leasingGet, leasingGetWorkloads } from "./leasing-get.js";
import { lock, lockContended, lockContendedWorkloads, lockWorkloads } from "./lock.js";
import { put, putWorkloads } from "./put.js";
import { range, rangeWorkloads } from "./range.js";
import { stm, stmWorkloads } from "./stm.js";
import { txn, txnWorkloads } from "./txn.js";
import { watchCatchUp, watchCatchUpWorkloads } from "./watch-catch-up.js";
import { watchFanOut, watchFanOutWorkloads } from "./watch-fan-out.js";
import { watchHold, watchHoldWorkloads } from "./watch-hold.js";
import { watchStoppedConsumer, watchStoppedConsumerWorkloads } from "./watch-stopped-consumer.js";
import type { Workload, WorkloadKind } from "./workload.js";

/** Every workload, in the order in which they are measured and shown. */
export const workloads: readonly Workload[] = [
  ...getWorkloads,
  ...putWorkloads,
  ...txnWorkloads,
  ...rangeWorkloads,
  ...watchFanOutWorkloads,
  ...watchCatchUpWorkloads,
  ...watchStoppedConsumerWorkloads,
  ...watchHoldWorkloads,
  ...leaseHoldWorkloads,
  ...lockWorkloads,
  ...lockContendedWorkloads,
  ...stmWorkloads,
  ...leasingGetWorkloads,
];

export const workloadKinds: Readonly<Record<Workload["kind"], WorkloadKind>> = {
  get,
  put,
  txn,
  range,
  "watch-fan-out": watchFanOut,
  "watch-catch-up": watchCatchUp,
  "watch-stopped-consumer": watchStoppedConsumer,
  "watch-hold": watchHold,
  "lease-hold": leaseHold,
  lock,
  "lock-contended": lockContended,
  stm,
  "leasing-get": leasingGet,
};

/**
 * The workloads that are meant, in their own order.
 *
 * @param wanted - Names of workloads, of kinds or of families of kinds: `get` stands for all its workloads, `watch` for those
 *   of all kinds that begin with it.
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
  return wanted === name || wanted === kind || kind.startsWith(`${wanted}-`);
}

/** Whether a client can do a workload. */
export function takesPart(client: string, { kind }: Workload): boolean {
  return workloadKinds[kind].clients?.includes(client) ?? true;
}
