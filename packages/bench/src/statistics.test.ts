import { describe, expect, it } from "vitest";
import { median, ratio, spreadOf } from "./statistics.js";

describe("median", () => {
  it("is the middle number, whatever their order", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([100, 2, 30])).toBe(30);
    expect(median([7])).toBe(7);
  });

  it("is the mean of the two in the middle of an even number", () => {
    expect(median([4, 1, 2, 100])).toBe(3);
  });

  it("leaves its argument as it is", () => {
    const numbers = [3, 1, 2];
    median(numbers);
    expect(numbers).toEqual([3, 1, 2]);
  });

  it("does not exist of no numbers", () => {
    expect(() => median([])).toThrow(RangeError);
  });
});

describe("spreadOf", () => {
  it("tells the median between the least and the most", () => {
    expect(spreadOf([5, 1, 9])).toEqual({ median: 5, least: 1, most: 9 });
  });
});

describe("ratio", () => {
  it("divides medians", () => {
    expect(ratio(spreadOf([30]), spreadOf([10, 12, 8]))).toBe(3);
  });

  it("is unknown without one of them, or over nothing", () => {
    expect(ratio(undefined, spreadOf([1]))).toBeUndefined();
    expect(ratio(spreadOf([1]), undefined)).toBeUndefined();
    expect(ratio(spreadOf([1]), spreadOf([0]))).toBeUndefined();
  });
});
