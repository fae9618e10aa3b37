import { describe, expect, it } from "vitest";
import { barChart } from "./bar-chart.js";
import { markdownTable } from "./markdown-table.js";
import { formatNumber } from "./metrics.js";
import { renewPage } from "./page.js";

describe("markdownTable", () => {
  it("pads its columns, numbers to the right", () => {
    const table = markdownTable(
      [{ title: "Client" }, { title: "ops/s", numeric: true }],
      [
        ["etcdkit", "40,000"],
        ["go", "5"],
      ],
    );
    expect(table.split("\n")).toEqual([
      "| Client  |  ops/s |",
      "| ------- | -----: |",
      "| etcdkit | 40,000 |",
      "| go      |      5 |",
    ]);
  });

  it("keeps cells apart from the table's own marks, and fills up short rows", () => {
    const table = markdownTable([{ title: "a" }, { title: "b" }], [["x|y\nz"]]);
    expect(table.split("\n").at(-1)).toBe("| x\\|y z |     |");
  });
});

describe("formatNumber", () => {
  it.each([
    [31_204.4, "31,204"],
    [100, "100"],
    [99.96, "100"],
    [12.345, "12.3"],
    [0.012345, "0.0123"],
    [0, "0"],
  ])("writes %f as %s", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});

describe("renewPage", () => {
  const page = "# Title\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nrest\n";

  it("replaces what stands between the marks, again and again", () => {
    const renewed = renewPage(page, "new");
    expect(renewed).toBe("# Title\n<!-- bench:begin -->\n\nnew\n\n<!-- bench:end -->\nrest\n");
    expect(renewPage(renewed, "new")).toBe(renewed);
  });

  it.each(["", "<!-- bench:begin -->", "<!-- bench:end --><!-- bench:begin -->", page + page])(
    "refuses a page without the two marks, once each: %j",
    (wrong) => {
      expect(() => renewPage(wrong, "new")).toThrow(/bench:begin/);
    },
  );
});

describe("barChart", () => {
  const chart = barChart("A & B", [
    {
      title: "first <1>",
      bars: [
        { label: "ours", value: 50, text: "50", style: "own" },
        { label: "theirs", value: 100, text: "100", style: "other" },
        { label: "limit", value: 0, text: "0", style: "limit" },
      ],
    },
    { title: "second", bars: [{ label: "ours", value: 3, text: "3", style: "own" }] },
    { title: "third", bars: [] },
  ]);
  const widths = [...chart.matchAll(/<rect class="(\w+)"[^>]* width="([\d.]+)"/g)].map(([, style, width]) => [
    style,
    Number(width),
  ]);

  it("draws bars as long as their values, each panel on its own scale", () => {
    expect(widths).toEqual([
      ["own", 90],
      ["other", 180],
      ["limit", 1],
      ["own", 180],
    ]);
  });

  it("puts panels side by side, two in a row", () => {
    const places = [...chart.matchAll(/translate\((\d+) (\d+)\)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    expect(places.slice(0, 2)).toEqual([
      [16, 16],
      [456, 16],
    ]);
    expect(places[2]?.[0]).toBe(16);
    expect(places[2]?.[1]).toBeGreaterThan(16);
  });

  it("has colours for light and for dark pages", () => {
    expect(chart).toContain("prefers-color-scheme: dark");
    expect(chart).toContain('class="text" fill="#1f2328"');
  });

  it("writes text so that it stays text", () => {
    expect(chart).toContain("<title>A &amp; B</title>");
    expect(chart).toContain("first &lt;1&gt;");
  });
});
