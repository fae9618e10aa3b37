import { describe, expect, it } from "vitest";
import { rotated } from "./rotated.js";

describe("rotated", () => {
  it("lets another element begin each time, and keeps their order", () => {
    const rounds = [0, 1, 2, 3].map((round) => rotated(["a", "b", "c"], round).join(""));
    expect(rounds).toEqual(["abc", "bca", "cab", "abc"]);
  });

  it("has nothing to do without elements", () => {
    expect(rotated([], 4)).toEqual([]);
  });
});
