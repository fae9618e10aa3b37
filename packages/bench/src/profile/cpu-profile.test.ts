import { describe, expect, it } from "vitest";
import { type CpuProfile, callTree, hottest } from "./cpu-profile.js";
import { flameGraph } from "./flame-graph.js";

const node = (id: number, functionName: string, url: string, children: readonly number[] = []) => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
  children,
});

/** `main` calls `get` in two places of the same function; 100 us between samples. */
const profile: CpuProfile = {
  nodes: [
    node(1, "(root)", "", [2, 6, 7]),
    node(2, "main", "file:///checkout/packages/bench/dist/main.js", [3, 4]),
    node(3, "get", "file:///checkout/packages/core/dist/kv.js", [5]),
    node(4, "get", "file:///checkout/packages/core/dist/kv.js"),
    node(5, "", "file:///x/node_modules/.pnpm/a@1/node_modules/@scope/a/index.js"),
    node(6, "(idle)", ""),
    node(7, "(garbage collector)", ""),
  ],
  startTime: 1_000,
  samples: [2, 3, 4, 5, 6, 7, 2],
  timeDeltas: [100, 100, 100, 100, 100, 100, 100],
};
const always = { from: 0, until: 1e9 };

describe("callTree", () => {
  it("adds up functions by their callers, without the time in which there was nothing to do", () => {
    const tree = callTree(profile, always);
    expect(tree).toMatchObject({ name: "all", totalUs: 500, selfUs: 0 });
    expect(tree.children.map(({ name, totalUs, selfUs }) => [name, totalUs, selfUs])).toEqual([
      ["main", 400, 100],
      ["(garbage collector)", 100, 100],
    ]);
    const get = tree.children[0]?.children[0];
    expect(get).toMatchObject({ name: "get", place: "core/dist/kv.js:10", totalUs: 300, selfUs: 200 });
    expect(get?.children[0]).toMatchObject({ name: "(anonymous)", place: "@scope/a/index.js:10" });
  });

  it("leaves out what lies before and behind the measured time", () => {
    // Samples lie at 1,100, 1,200, …: only those of the two `get` are within.
    const tree = callTree(profile, { from: 1_150, until: 1_350 });
    expect(tree.totalUs).toBe(200);
    expect(hottest(tree)).toEqual([{ name: "get", place: "core/dist/kv.js:10", selfUs: 200 }]);
  });

  it("refuses a profile without anything of that time", () => {
    expect(() => callTree(profile, { from: 1e6, until: 2e6 })).toThrow(/nothing of the measured time/);
  });
});

describe("hottest", () => {
  it("orders functions by the time in themselves", () => {
    expect(hottest(callTree(profile, always)).map(({ name, selfUs }) => [name, selfUs])).toEqual([
      ["get", 200],
      ["main", 100],
      ["(anonymous)", 100],
      ["(garbage collector)", 100],
    ]);
  });
});

describe("flameGraph", () => {
  const picture = flameGraph("us & them", callTree(profile, always));

  it("draws each function as wide as its time, above its caller", () => {
    const boxes = [
      ...picture.matchAll(/<title>(\S+)[^<]*<\/title><rect x="([\d.]+)" y="(\d+)" width="([\d.]+)"/g),
    ];
    const found = new Map(
      boxes.map(([, name, x, y, width]) => [name, [Number(x), Number(y), Number(width)]]),
    );
    expect(found.get("all")).toEqual([0, 94, 1200]);
    expect(found.get("main")).toEqual([0, 76, 960]);
    expect(found.get("(garbage")).toEqual([960, 76, 240]);
    expect(found.get("get")).toEqual([0, 58, 720]);
  });

  it("tells shares to the pointer", () => {
    expect(picture).toContain("<title>get core/dist/kv.js:10\n60.0 %, itself 40.0 %</title>");
    expect(picture).toContain("us &amp; them");
  });
});
