import { describe, expect, it } from "vitest";
import { createFencedResource } from "./fenced-resource.js";

describe("a fenced resource", () => {
  it("refuses a token that is older than one that it has seen, by number, each kind for itself", () => {
    const resource = createFencedResource();
    expect(["9", "10", "10", "9"].map((token) => resource.write("lock", token))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(resource.write("election", "3")).toBe(true);
    expect([resource.accepted, resource.refused]).toEqual([4, 1]);
  });
});
