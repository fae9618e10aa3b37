import { describe, expect, it } from "vitest";
import type { Sample } from "../job.js";
import { workloads } from "../workloads/all.js";
import type { Workload } from "../workloads/workload.js";
import { describeSample } from "./describe-sample.js";
import { describeWorkload } from "./describe-workload.js";
import { metrics } from "./metrics.js";

const sample: Sample = {
  operations: 10,
  seconds: 2,
  cpuSeconds: 0.5,
  peakRssBytes: 2 ** 20,
  allocatedBytes: 4_000_000,
  collections: 0,
  latencies: [[0, 10]],
};

function named(name: string): Workload {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

describe("metrics", () => {
  it("count events at every watch", () => {
    const workload = named("watch-fan-out-1000");
    expect(metrics.eventRate.of(sample, workload)).toBe(5_000);
    expect(metrics.cpuPerEvent.of(sample, workload)).toBe(50);
    expect(metrics.allocatedPerEvent.of(sample, workload)).toBe(400);
  });

  it("divide what is held by its number", () => {
    const held = { ...sample, heldBytes: 8_000_000 };
    expect(metrics.heapEach.of(held, named("leases-10000"))).toBe(800);
    expect(metrics.cpuPerSecond.of(held, named("leases-10000"))).toBe(250);
    expect(metrics.peakMemory.of({ ...sample, peakMemoryBytes: 3 * 2 ** 20 }, named("leases-1000"))).toBe(3);
  });

  it("count keys by themselves, and what the server had to do for an operation", () => {
    expect(metrics.keyRate.of(sample, named("leasing-get"))).toBe(5_000);
    const asked = { ...sample, requestsPerOperation: 6.5, eventsPerOperation: 1 };
    expect(metrics.requests.of(asked, named("lock-contended-100"))).toBe(6.5);
    expect(metrics.events.of(asked, named("lock-contended-100"))).toBe(1);
  });

  it("say nothing of what a sample does not tell", () => {
    expect(metrics.heapEach.of(sample, named("leases-1000"))).toBeUndefined();
    expect(metrics.peakMemory.of(sample, named("leases-1000"))).toBeUndefined();
    expect(metrics.requests.of(sample, named("lock-1"))).toBeUndefined();
  });
});

describe("describeSample", () => {
  it("tells what counts most in the workload", () => {
    expect(describeSample({ ...sample, heldBytes: 8e6 }, named("leases-1000"))).toBe(
      "heap each, B 8,000; CPU per second, ms 250; renewals/s 5; CPU per renewal, us 50,000",
    );
  });
});

describe("describeWorkload", () => {
  it.each([
    ["range-1", "range of 1 key, values of 256 B, 4 in flight"],
    [
      "watch-fan-out-1000",
      "a put and its event at the last of 1,000 watches of one key on one stream, values of 64 B",
    ],
    [
      "watch-stopped-consumer",
      "a put and its event at 99 of 100 watches of one range on one stream, values of 64 KiB, 1 of which is not read any more",
    ],
    ["watchers-idle-10000", "10,000 watches of one key on one stream while nothing happens, without readers"],
    ["leases-10000", "10,000 leases of 9 s kept alive"],
    ["lock-1", "lock and unlock, 1 name in 1 session, 1 in flight, after 5 s of warm-up"],
    ["lock-64", "lock and unlock, 64 names in 1 session, 64 in flight, after 5 s of warm-up"],
    [
      "lock-contended-100",
      "lock and unlock of 1 name by 100 contenders, each in a session of its own, after 5 s of warm-up",
    ],
    [
      "stm-16",
      "transfer between 2 of 1,000 accounts by software transactional memory, 16 in flight, after 5 s of warm-up",
    ],
    [
      "leasing-get",
      "reads of 1,000 keys that the client owns by leasing, one after the other, values of 256 B",
    ],
  ])("says what %s is", (name, text) => {
    expect(describeWorkload(named(name))).toBe(`${name}: ${text}`);
  });
});
