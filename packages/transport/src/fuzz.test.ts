import { describe, expect, it } from "vitest";
import { runInput } from "../test/fuzz/input.js";
import { runFuzz } from "../test/fuzz/run.js";
import { failedSeeds } from "../test/fuzz/seeds.js";

describe("whatever a server says", () => {
  it("ends every call with an answer or a typed error, in bounded memory, on 20,000 inputs", async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const report = await runFuzz(20_000, seed);
    expect(report.failures, `seed ${seed}`).toEqual([]);
    expect(report.growthBytes).toBeLessThan(300 * 2 ** 20);
    // All of it was of use: calls that were answered, refused, and broken in many ways.
    for (const ending of [
      "answered",
      "streamed",
      "code 14 refused",
      "code 14 unknown",
      "code 13 unknown",
      "code 1 unknown",
      "code 1 unsent",
    ]) {
      expect(report.endings.get(ending) ?? 0, ending).toBeGreaterThan(20);
    }
  }, 300_000);

  it("is the same again for the same seed", async () => {
    for (let seed = 0; seed < 50; seed++) expect(await runInput(seed)).toEqual(await runInput(seed));
  });

  it("does no harm any more on the inputs that once did", async () => {
    for (const [seed, what] of failedSeeds) expect((await runInput(seed)).failure, what).toBeUndefined();
  });
});
