import { describe, expect, it } from "vitest";
import { type Feature, features, versionSupports } from "./features.js";

describe("versionSupports", () => {
  it.each<[string, Feature, boolean]>([
    ["3.4.23", "gzip", false],
    ["3.5.0", "gzip", true],
    ["3.5.0-rc.1", "gzip", true],
    ["4.0.0", "gzip", true],
    ["2.3.8", "gzip", false],
    // With backports: each line of releases has a first one of its own.
    ["3.5.27", "health-list", false],
    ["3.5.28", "health-list", true],
    ["3.6.8", "health-list", false],
    ["3.6.9", "health-list", true],
    ["3.6.10", "health-list", true],
    ["3.7.0", "health-list", true],
    ["3.8.0-alpha.0", "health-list", true],
    ["3.4.24", "sound-progress", false],
    ["3.4.25", "sound-progress", true],
    ["3.5.7", "sound-progress", false],
    ["3.7.1", "sound-progress", true],
    // One without: a patch release of an older line does not count.
    ["3.6.99", "range-stream", false],
  ])("etcd %s, %s: %s", (version, feature, expected) => {
    expect(versionSupports(version, feature)).toBe(expected);
  });

  it.each(["", "3.7", "not decided", "v3.7.1"])("refuses the version %j", (version) => {
    expect(() => versionSupports(version, "gzip")).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
  });

  it.each(["constructor", "", "GZIP"])("refuses the feature %j", (feature) => {
    expect(() => versionSupports("3.7.1", feature as Feature)).toThrow(TypeError);
  });
});

describe("features", () => {
  it("have releases that can be read, the oldest first, and a meaning", () => {
    for (const { since, meaning } of Object.values(features)) {
      expect(since.length).toBeGreaterThan(0);
      expect(since.every((release) => /^3\.\d+\.\d+$/.test(release))).toBe(true);
      const minors = since.map((release) => Number(release.split(".")[1]));
      expect(minors).toEqual([...minors].sort((a, b) => a - b));
      expect(meaning).not.toBe("");
    }
  });
});
