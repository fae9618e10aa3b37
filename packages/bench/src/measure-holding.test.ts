import { describe, expect, it } from "vitest";
import type { Driver } from "./clients/driver.js";
import type { Job } from "./job.js";
import { measureHolding } from "./measure-holding.js";
import type { HoldingKind, Workload } from "./workloads/workload.js";

const workload: Workload = {
  name: "things-200",
  kind: "watch-hold",
  inFlight: 1,
  valueBytes: 1,
  keys: 1,
  keysPerOperation: 1,
  held: 200,
};
const job: Job = { client: "fake", endpoint: "http://fake:2379", workload, warmUpMs: 1, measureMs: 20 };
const refuse = (): Promise<number> => Promise.reject(new Error("not asked for"));
const driver: Driver = {
  get: () => Promise.resolve(1),
  put: refuse,
  txn: refuse,
  range: refuse,
  close: () => Promise.resolve(),
};
const thingBytes = 100_000;

/** Things that are held in buffers. */
function things(verify = (): Promise<void> => Promise.resolve()) {
  const log: string[] = [];
  let renewals = 0;
  let held: readonly Uint8Array[] = [];
  const kind: HoldingKind = {
    metrics: ["heapEach"],
    async hold(_driver, _workload, endpoint, count) {
      log.push(`hold ${count} at ${endpoint}`);
      held = Array.from({ length: count }, () => new Uint8Array(thingBytes));
      return {
        count: async () => (renewals += 10),
        async verify() {
          log.push(`verify ${held.length}`);
          await verify();
        },
        async release() {
          log.push("release");
          held = [];
        },
      };
    },
    leastMs: () => 40,
  };
  return { kind, log };
}

describe("measureHolding", () => {
  it("weighs what is held, after a rehearsal that it does not weigh", async () => {
    const { kind, log } = things();
    const sample = await measureHolding(driver, job, kind);
    const hold = (count: number) => [`hold ${count} at http://fake:2379`, `verify ${count}`, "release"];
    expect(log).toEqual([...hold(100), ...hold(200)]);
    expect((sample.heldBytes ?? 0) / (200 * thingBytes)).toBeCloseTo(1, 0);
    expect(sample).toMatchObject({ operations: 10, latencies: [] });
    expect(sample.seconds).toBeGreaterThanOrEqual(0.039);
    expect(sample.peakRssBytes).toBeGreaterThan(0);
  });

  it("fails when something is not held any more at the end", async () => {
    let verified = 0;
    const { kind } = things(async () => {
      if (++verified === 2) throw new Error("one is lost");
    });
    await expect(measureHolding(driver, job, kind)).rejects.toThrow("one is lost");
  });

  it("refuses a workload that does not say how many", async () => {
    const { held: _, ...without } = workload;
    await expect(measureHolding(driver, { ...job, workload: without }, things().kind)).rejects.toThrow(
      "things-200: held is missing",
    );
  });
});
