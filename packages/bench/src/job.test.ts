import { describe, expect, it } from "vitest";
import { parseSample, type Sample } from "./job.js";

const sample: Sample = {
  operations: 1,
  seconds: 1,
  cpuSeconds: 0,
  peakRssBytes: 1,
  allocatedBytes: 0,
  collections: 0,
  latencies: [],
};

describe("parseSample", () => {
  it("reads what a measuring process prints", () => {
    expect(parseSample(`${JSON.stringify(sample)}\n`)).toEqual(sample);
  });

  it.each(Object.keys(sample))("refuses a sample without %s", (field) => {
    const text = JSON.stringify({ ...sample, [field]: undefined });
    expect(() => parseSample(text)).toThrow(`sample: ${field}`);
  });

  it("refuses what is no object", () => {
    expect(() => parseSample("null")).toThrow(TypeError);
    expect(() => parseSample("")).toThrow(SyntaxError);
  });
});
