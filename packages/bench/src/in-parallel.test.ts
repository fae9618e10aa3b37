import { describe, expect, it } from "vitest";
import { inParallel } from "./in-parallel.js";

describe("inParallel", () => {
  it("does all of the work, some at any time, and keeps the order of the results", async () => {
    let open = 0;
    let most = 0;
    const results = await inParallel(7, 3, async (index) => {
      most = Math.max(most, ++open);
      for (let turn = index; turn < 7; turn++) await Promise.resolve();
      open--;
      return index * 2;
    });
    expect(results).toEqual([0, 2, 4, 6, 8, 10, 12]);
    expect(most).toBe(3);
  });

  it("begins no more after a failure, and rejects with it", async () => {
    const begun: number[] = [];
    const working = inParallel(100, 2, async (index) => {
      begun.push(index);
      await Promise.resolve();
      if (index === 3) throw new Error("broken");
    });
    await expect(working).rejects.toThrow("broken");
    expect(begun.length).toBeLessThanOrEqual(5);
  });

  it("has nothing to do for none", async () => {
    expect(await inParallel(0, 4, () => Promise.reject(new Error("not asked for")))).toEqual([]);
  });
});
