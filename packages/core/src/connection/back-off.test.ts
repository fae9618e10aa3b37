import { describe, expect, it } from "vitest";
import { dialBackOff, pauseMs } from "./back-off.js";

describe("pauseMs", () => {
  const backOff = { baseMs: 25, capMs: 5_000, jitter: 1 };

  it("doubles the longest pause with each failure, up to the cap", () => {
    const longest = [1, 2, 3, 4, 8, 9, 50, 2_000].map((failures) => pauseMs(backOff, failures, () => 0));
    expect(longest).toEqual([25, 50, 100, 200, 3_200, 5_000, 5_000, 5_000]);
  });

  // client/v3/client_test.go:TestBackoffJitterFraction
  it("leaves to chance the share that jitter names", () => {
    expect(pauseMs(backOff, 1, () => 0.999_999)).toBeCloseTo(0, 3);
    expect(pauseMs(backOff, 1, () => 0.5)).toBe(12.5);
    expect(pauseMs({ ...backOff, jitter: 0.1 }, 1, () => 1)).toBeCloseTo(22.5);
    expect(pauseMs({ ...backOff, jitter: 0 }, 3, () => 1)).toBe(100);
  });

  it("spreads clients that failed together over the whole pause", () => {
    const pauses = Array.from({ length: 1_000 }, () => pauseMs(backOff, 5));
    expect(Math.min(...pauses)).toBeLessThan(40);
    expect(Math.max(...pauses)).toBeGreaterThan(360);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(400);
  });

  it("bounds the pauses between dials by 5 s", () => {
    expect(pauseMs(dialBackOff, 1, () => 0)).toBe(25);
    expect(pauseMs(dialBackOff, 1_000, () => 0)).toBe(5_000);
  });
});
