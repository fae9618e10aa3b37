import { describe, expect, it } from "vitest";
import { isSuitableNode, isSuitablePnpm } from "./toolchain.mjs";

describe("a suitable Node", () => {
  it.each(["v22.12.0", "v22.20.1", "v24.0.0", "v24.21.0", "v26.0.0", "v31.2.0"])("includes %s", (version) => {
    expect(isSuitableNode(version)).toBe(true);
  });
  it.each(["v18.20.0", "v20.19.5", "v22.11.0", "v23.11.0", "v25.9.0"])("excludes %s", (version) => {
    expect(isSuitableNode(version)).toBe(false);
  });
});

describe("a suitable pnpm", () => {
  it.each(["12.21.0", "12.21.3", "12.30.0"])("for 12.21.0 includes %s", (version) => {
    expect(isSuitablePnpm(version, "12.21.0")).toBe(true);
  });
  it.each(["", "11.99.0", "12.20.9", "13.0.0"])("for 12.21.0 excludes '%s'", (version) => {
    expect(isSuitablePnpm(version, "12.21.0")).toBe(false);
  });
});
