import { describe, expect, it } from "vitest";
import { dispositionOf } from "./disposition.js";

describe("dispositionOf", () => {
  it("is what a transport put on its error", () => {
    expect(dispositionOf(Object.assign(new Error("no"), { disposition: "unsent" }))).toBe("unsent");
    expect(dispositionOf(Object.assign(new Error("no"), { disposition: "refused" }))).toBe("refused");
  });

  it("is unknown for everything else: only proof counts", () => {
    for (const error of [undefined, null, "unsent", new Error("unsent"), { disposition: "likely unsent" }]) {
      expect(dispositionOf(error)).toBe("unknown");
    }
  });
});
