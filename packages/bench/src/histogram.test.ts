import { describe, expect, it } from "vitest";
import { Histogram, percentileMs } from "./histogram.js";

function of(...durationsMs: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const duration of durationsMs) histogram.record(duration);
  return histogram;
}

describe("Histogram", () => {
  it("knows every duration to better than one percent, from microseconds to minutes", () => {
    for (let duration = 0.02; duration < 200_000; duration *= 1.037) {
      const found = percentileMs(of(duration).buckets(), 1);
      expect(Math.abs(found - duration) / duration).toBeLessThan(0.01);
    }
  });

  it("keeps the order of durations", () => {
    let last = -1;
    for (let duration = 0.0001; duration < 200_000; duration *= 1.01) {
      const [bucket] = of(duration).buckets();
      expect(bucket?.[0]).toBeGreaterThanOrEqual(last);
      last = bucket?.[0] ?? Number.NaN;
    }
  });

  it("leaves no gap between buckets", () => {
    const histogram = new Histogram();
    for (let ticks = 0; ticks < 4096; ticks++) histogram.record((ticks + 0.5) / 10_000);
    const buckets = histogram.buckets();
    expect(buckets.map(([index]) => index)).toEqual(buckets.map((_, at) => at));
    expect(buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(4096);
  });

  it("counts what is too long in the last bucket and what is negative in the first", () => {
    const [first, last] = of(-1, 1e9).buckets();
    expect(first).toEqual([0, 1]);
    expect(percentileMs([last ?? [0, 0]], 1)).toBeCloseTo(214_000, -4);
  });

  it("forgets all on reset", () => {
    const histogram = of(1, 2, 3);
    histogram.reset();
    expect(histogram.buckets()).toEqual([]);
  });
});

describe("percentileMs", () => {
  const hundred = of(...Array.from({ length: 100 }, (_, i) => i + 1)).buckets();

  it("finds the duration that a share of all does not exceed", () => {
    expect(percentileMs(hundred, 0.5)).toBeCloseTo(50, 0);
    expect(percentileMs(hundred, 0.99)).toBeCloseTo(99, 0);
    expect(percentileMs(hundred, 1)).toBeCloseTo(100, 0);
    expect(percentileMs(hundred, 0.001)).toBeCloseTo(1, 1);
  });

  it("refuses shares that are none, and buckets without content", () => {
    expect(() => percentileMs(hundred, 0)).toThrow(RangeError);
    expect(() => percentileMs(hundred, 1.01)).toThrow(/share/);
    expect(() => percentileMs([], 0.5)).toThrow(/nothing was counted/);
  });
});
