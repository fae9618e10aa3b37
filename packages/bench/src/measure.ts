import type { Driver } from "./clients/driver.js";
import type { Job, Sample } from "./job.js";
import { Meter } from "./meter.js";
import { type Costs, countCosts, monotonicMicroseconds, peakRssBytes } from "./process-costs.js";
import type { OperationKind } from "./workloads/workload.js";

/**
 * Does the work of a job with one client, as many operations in flight as it asks for, and tells what it took.
 *
 * @throws What the client rejects with, and Error when an operation resolved without having been done or the
 * work was not whole at its end.
 */
export async function measure(
  driver: Driver,
  { workload, endpoint, warmUpMs, measureMs }: Job,
  kind: OperationKind,
): Promise<Sample> {
  const work = await kind.begin(driver, workload, endpoint);
  const least = kind.least(workload);
  let next = 0;
  const done = async (): Promise<void> => {
    const result = await work.operation(next++);
    if (!(result >= least)) throw new Error(`${workload.name}: resolved with ${result}, less than ${least}`);
  };
  await done(); // connects

  let stop: (() => Costs) | undefined;
  let costs: Costs | undefined;
  const window = { from: 0, until: 0 };
  const meter = new Meter(performance.now(), warmUpMs, measureMs, {
    onBegin: () => {
      window.from = monotonicMicroseconds();
      stop = countCosts();
    },
    onEnd: () => {
      costs = stop?.();
      window.until = monotonicMicroseconds();
    },
  });

  const worker = async (): Promise<void> => {
    let started = performance.now();
    while (meter.isOpen) {
      await done();
      const ended = performance.now();
      meter.record(started, ended);
      started = ended;
    }
  };
  try {
    await Promise.all(Array.from({ length: workload.inFlight }, worker));
  } finally {
    meter.abandon(); // when one has failed, the others end as well
  }
  if (costs === undefined) throw new Error(`${workload.name}: ended before its time`);
  const findings = await work.finish?.();
  return {
    operations: meter.operations,
    seconds: meter.measuredMs / 1000,
    ...costs,
    peakRssBytes: peakRssBytes(),
    latencies: meter.latencies.buckets(),
    window,
    ...findings,
  };
}
