import { describe, expect, it } from "vitest";
import { parseDuration } from "./duration.js";

describe("parseDuration", () => {
  it.each([
    ["0", 0],
    ["+0", 0],
    ["5s", 5_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    [".5s", 500],
    ["1.s", 1_000],
    ["250ms", 250],
    ["1500us", 1.5],
    ["1500µs", 1.5],
    ["1500μs", 1.5],
    ["2000000ns", 2],
    ["-5s", -5_000],
    ["1h0m1s", 3_601_000],
  ])("reads %s", (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms, 9);
  });

  it.each([
    "",
    "5",
    "s",
    "5 s",
    "5s ",
    "5sec",
    "5d",
    "1m-30s",
    "--5s",
    ".s",
    "1e3s",
    "NaN",
    "Infinity",
    "5S",
  ])("does not take %j for a duration", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it("reads long texts in no time", () => {
    const text = "1".repeat(100_000);
    expect(parseDuration(`${text}x`)).toBeUndefined();
    expect(parseDuration("1s".repeat(50_000))).toBe(50_000_000);
  });
});
