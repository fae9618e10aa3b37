import { describe, expect, it } from "vitest";
import { isSupported, isWanted } from "./etcd-versions.mjs";

describe("ETCD_VERSIONS", () => {
  it("asks for every version when it is not set or empty", () => {
    expect(isWanted("3.4.23", {})).toBe(true);
    expect(isWanted("3.4.23", { ETCD_VERSIONS: " , " })).toBe(true);
  });

  it("asks for a patch release, or for all of a minor version", () => {
    const environment = { ETCD_VERSIONS: "3.4, 3.7.1" };
    expect(isWanted("3.4.23", environment)).toBe(true);
    expect(isWanted("3.7.1", environment)).toBe(true);
    expect(isWanted("3.7.10", environment)).toBe(false);
    expect(isWanted("3.40.0", environment)).toBe(false);
    expect(isWanted("3.6.14", environment)).toBe(false);
  });
});

describe("a supported etcd", () => {
  it("is 3.4 or later", () => {
    expect(isSupported("3.3.25")).toBe(false);
    expect(isSupported("3.4.0")).toBe(true);
    expect(isSupported("3.10.1")).toBe(true);
  });
});
