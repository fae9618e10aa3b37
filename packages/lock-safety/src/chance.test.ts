import { describe, expect, it } from "vitest";
import { createChance } from "./chance.js";

const draw = (seed: number) => {
  const chance = createChance(seed);
  return Array.from({ length: 1_000 }, () => chance.fraction());
};

describe("chance", () => {
  it("is the same for the same seed, and other for another", () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(0)).not.toEqual(draw(2 ** 32 - 1));
  });

  it("is spread over what there is", () => {
    const drawn = draw(7);
    expect(Math.min(...drawn)).toBeLessThan(0.02);
    expect(Math.max(...drawn)).toBeGreaterThan(0.98);
    const chance = createChance(7);
    expect(new Set(Array.from({ length: 100 }, () => chance.oneOf("abc".split(""))))).toHaveLength(3);
    expect(chance.between(5, 6)).toBeCloseTo(5.5, 0);
    expect([chance.happens(0), chance.happens(1)]).toEqual([false, true]);
  });

  it("cannot choose from nothing", () => {
    expect(() => createChance(1).oneOf([])).toThrow(RangeError);
  });
});
