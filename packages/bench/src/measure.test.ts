import { describe, expect, it } from "vitest";
import type { Driver } from "./clients/driver.js";
import type { Job } from "./job.js";
import { measure } from "./measure.js";
import { get } from "./workloads/get.js";
import type { OperationKind, Workload } from "./workloads/workload.js";

const workload: Workload = {
  name: "get-4",
  kind: "get",
  inFlight: 4,
  valueBytes: 10,
  keys: 3,
  keysPerOperation: 1,
};
const job: Job = { client: "fake", endpoint: "http://fake:2379", workload, warmUpMs: 5, measureMs: 20 };

/** A client without a server; answers a turn of the event loop later. */
function fake(get: (key: string) => number): Driver & { readonly seen: { readonly most: number } } {
  const seen = { most: 0 };
  let open = 0;
  return {
    seen,
    async get(key) {
      seen.most = Math.max(seen.most, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      return get(key);
    },
    put: () => Promise.reject(new Error("not asked for")),
    txn: () => Promise.reject(new Error("not asked for")),
    range: () => Promise.reject(new Error("not asked for")),
    close: () => Promise.resolve(),
  };
}

describe("measure", () => {
  it("keeps as many operations in flight as it is told to, around all keys", async () => {
    const keys = new Set<string>();
    const driver = fake((key) => {
      keys.add(key);
      return 10;
    });
    const sample = await measure(driver, job, get);
    expect(driver.seen.most).toBe(4);
    expect([...keys].sort()).toEqual(["bench/key-000000", "bench/key-000001", "bench/key-000002"]);
    expect(sample.operations).toBeGreaterThan(0);
    expect(sample.latencies.reduce((sum, [, count]) => sum + count, 0)).toBe(sample.operations);
    expect(sample.seconds).toBeGreaterThanOrEqual(0.02);
    expect(sample.cpuSeconds).toBeGreaterThan(0);
    expect(sample.peakRssBytes).toBeGreaterThan(0);
  });

  it("refuses an answer with less than was asked for", async () => {
    await expect(
      measure(
        fake(() => 9),
        job,
        get,
      ),
    ).rejects.toThrow("get-4: resolved with 9, less than 10");
  });

  it("ends all operations when one fails", async () => {
    let calls = 0;
    const driver = fake(() => {
      if (++calls === 20) throw new Error("broken");
      return 10;
    });
    await expect(measure(driver, { ...job, warmUpMs: 10_000 }, get)).rejects.toThrow("broken");
    const settled = calls;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(calls - settled).toBeLessThanOrEqual(workload.inFlight);
  });

  it("asks at the end whether everything was done, and adds what was found", async () => {
    const driver = fake(() => 10);
    const kind = (finish: () => Promise<{ readonly peakMemoryBytes: number }>): OperationKind => ({
      ...get,
      begin: (own) => ({ operation: () => own.get("key"), finish }),
    });
    expect(
      await measure(
        driver,
        job,
        kind(async () => ({ peakMemoryBytes: 7 })),
      ),
    ).toMatchObject({
      peakMemoryBytes: 7,
    });
    const missing = kind(() => Promise.reject(new Error("an event is missing")));
    await expect(measure(driver, job, missing)).rejects.toThrow("an event is missing");
  });
});
