import { describe, expect, it } from "vitest";
import { createFencedResource } from "./fenced-resource.js";

describe("a fenced resource", () => {
  it("refuses a token that is older than one that it has seen, by number, each kind for itself", () => {
    const resource = createFencedResource();
    expect(["9", "10", "10", "9"].map((token) => resource.write("lock", false, token))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(resource.write("election", false, "3")).toBe(true);
    expect([resource.accepted, resource.refused]).toEqual([4, 1]);
  });

  it("takes what readers write together in any order, but not from before another's write", () => {
    const resource = createFencedResource();
    const write = (shared: boolean, ...tokens: readonly string[]) =>
      tokens.map((token) => resource.write("rw-lock", shared, token));
    expect(write(true, "3", "2", "3")).toEqual([true, true, true]);
    expect(write(false, "2", "4")).toEqual([false, true]);
    expect(write(true, "3", "5")).toEqual([false, true]);
  });
});
