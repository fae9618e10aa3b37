import { setTimeout as delay } from "node:timers/promises";
import type { Driver } from "./clients/driver.js";
import type { Job, Sample } from "./job.js";
import { countCosts, monotonicMicroseconds, peakRssBytes } from "./process-costs.js";
import { settledHeapBytes } from "./settled-heap.js";
import { type HoldingKind, keyAt, needed } from "./workloads/workload.js";

// What is loaded and compiled at the first use is not what one more of the same costs.
const rehearsed = 100;

/**
 * Holds what a job is about with one client, and tells what that takes: memory, and CPU while time passes.
 *
 * @throws What the client rejects with, and Error when not everything was held to the end.
 */
export async function measureHolding(driver: Driver, job: Job, kind: HoldingKind): Promise<Sample> {
  const { workload, endpoint } = job;
  const count = needed(workload, "held");
  const hold = (some: number) => kind.hold(driver, workload, endpoint, some);

  await driver.get(keyAt(0)); // connects
  const rehearsal = await hold(Math.min(rehearsed, count));
  await rehearsal.verify();
  await rehearsal.release();
  const before = await settledHeapBytes();
  const holding = await hold(count);
  const heldBytes = (await settledHeapBytes()) - before;
  await delay(job.warmUpMs);

  const countBefore = await holding.count();
  const began = performance.now();
  const from = monotonicMicroseconds();
  const stop = countCosts();
  await delay(Math.max(job.measureMs, kind.leastMs(workload)));
  const costs = stop();
  const seconds = (performance.now() - began) / 1000;
  const window = { from, until: monotonicMicroseconds() };
  const operations = (await holding.count()) - countBefore;

  await holding.verify();
  await holding.release();
  return { operations, seconds, ...costs, peakRssBytes: peakRssBytes(), latencies: [], heldBytes, window };
}
