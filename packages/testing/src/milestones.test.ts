import { describe, expect, it } from "vitest";
import { createMilestones } from "./milestones.js";

describe("milestones", () => {
  it("resolve waits as the count passes them, also those that come late", async () => {
    const steps = createMilestones("steps");
    const reached: number[] = [];
    const waits = [1, 2, 5].map((target) => steps.reached(target).then(() => reached.push(target)));
    steps.add(3);
    await waits[1];
    expect(reached).toEqual([1, 2]);
    await steps.reached(3);
    steps.add(2);
    await waits[2];
    expect(reached).toEqual([1, 2, 5]);
    expect(steps.count).toBe(5);
  });

  it("reject the waits that can no longer be met, and only those", async () => {
    const steps = createMilestones("steps");
    steps.add(1);
    const early = steps.reached(2);
    steps.end(new Error("over"));
    await expect(early).rejects.toThrow("over");
    await expect(steps.reached(2)).rejects.toThrow("over");
    await steps.reached(1);
  });

  it.each([-1, 1.5, Number.NaN])("refuse %d as a target and name it", async (target) => {
    await expect(createMilestones("steps").reached(target)).rejects.toThrow(/^steps:/);
  });
});
