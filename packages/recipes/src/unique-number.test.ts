import { expect, it, vi } from "vitest";
import { uniqueNumber } from "./unique-number.js";

it("numbers have the size of nanoseconds since the epoch, and ascend", () => {
  const numbers = Array.from({ length: 10_000 }, uniqueNumber);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers).toEqual(numbers.toSorted());
  expect(numbers[0]).toMatch(/^[0-9]{19}$/);
  expect(Math.abs(Number(numbers[0]) / 1e6 - Date.now())).toBeLessThan(60_000);
});

it("numbers are never drawn twice, also while the clock stands still", () => {
  vi.useFakeTimers();
  try {
    expect(new Set(Array.from({ length: 100 }, uniqueNumber)).size).toBe(100);
  } finally {
    vi.useRealTimers();
  }
});
