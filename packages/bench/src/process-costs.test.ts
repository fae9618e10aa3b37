import { describe, expect, it } from "vitest";
import { allocatedBytes, countCosts, peakRssBytes } from "./process-costs.js";

const collection = (before: number, after: number) => ({
  beforeGC: { heapStatistics: { usedHeapSize: before } },
  afterGC: { heapStatistics: { usedHeapSize: after } },
});

describe("allocatedBytes", () => {
  it("is the growth of the heap when nothing was collected", () => {
    expect(allocatedBytes(100, [], 130)).toBe(30);
  });

  it("counts what collections took away again", () => {
    expect(allocatedBytes(100, [collection(200, 110), collection(210, 50)], 60)).toBe(100 + 100 + 10);
  });

  it("never counts a heap that shrank on its own", () => {
    expect(allocatedBytes(100, [collection(90, 80)], 70)).toBe(0);
  });
});

describe("countCosts", () => {
  it("tells the CPU and the heap that a stretch of work took", () => {
    const stop = countCosts();
    const kept: object[] = [];
    for (let i = 0; i < 300_000; i++) kept.push({ i });
    const costs = stop();
    expect(kept.length).toBe(300_000);
    expect(costs.allocatedBytes).toBeGreaterThan(300_000 * 8);
    expect(costs.cpuSeconds).toBeGreaterThan(0);
    expect(costs.collections).toBeGreaterThanOrEqual(0);
  });
});

describe("peakRssBytes", () => {
  it("is at least what the process has now", () => {
    expect(peakRssBytes()).toBeGreaterThanOrEqual(process.memoryUsage.rss() * 0.9);
  });
});
