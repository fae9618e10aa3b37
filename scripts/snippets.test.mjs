import { describe, expect, it } from "vitest";
import { region, renew } from "./snippets.mjs";

const source = `import { x } from "x";
async function main() {
  // #region all
  before();

  // #region put
  if (x) {
    put();
  }
  // #endregion
  // #endregion
}
`;
const read = (path) => (path === "put.ts" ? source : undefined);
const page = (mark, ...code) => ["# Title", mark, "", "```ts", ...code, "```", "after", ""].join("\n");

describe("a region", () => {
  it("is the text between its marks, without the indentation that its lines share", () => {
    expect(region(source, "put")).toEqual(["if (x) {", "  put();", "}"]);
  });

  it("holds the regions within it, but not their marks", () => {
    expect(region(source, "all")).toEqual(["before();", "", "if (x) {", "  put();", "}"]);
  });

  it("is undefined when the file has none of that name", () => {
    expect(region(source, "delete")).toBeUndefined();
  });

  it("must end", () => {
    expect(() => region("// #region put\nput();\n", "put")).toThrow("#region put has no #endregion");
  });
});

describe("a page", () => {
  it("gets the code of the region that the mark names", () => {
    const { text, problems } = renew(page("<!-- snippet: put.ts#put -->", "stale();"), read);
    expect(text).toBe(page("<!-- snippet: put.ts#put -->", "if (x) {", "  put();", "}"));
    expect(problems).toEqual([]);
  });

  it("stays as it is when it is fresh", () => {
    const fresh = page("<!-- snippet: put.ts#put -->", "if (x) {", "  put();", "}");
    expect(renew(fresh, read)).toEqual({ text: fresh, problems: [] });
  });

  it("has a problem for a program without a mark", () => {
    expect(renew(page("text", "put();"), read).problems).toEqual([
      "4: a program without a snippet mark: nobody runs it",
    ]);
  });

  it("may show other things than programs without a mark", () => {
    const text = "```sh\nnpm i etcdkit\n```\n";
    expect(renew(text, read)).toEqual({ text, problems: [] });
  });

  it.each([
    ["<!-- snippet: get.ts#put -->", "2: get.ts does not exist"],
    ["<!-- snippet: put.ts#delete -->", "2: put.ts has no region delete"],
  ])("has a problem for the mark %s, which leads nowhere", (mark, problem) => {
    const before = page(mark, "old();");
    expect(renew(before, read)).toEqual({ text: before, problems: [problem] });
  });

  it("has a problem for a mark without a code block and for a code block without an end", () => {
    expect(renew("<!-- snippet: put.ts -->\ntext\n", read).problems).toEqual([
      "1: no code block follows this snippet mark",
    ]);
    expect(renew("```ts\nput();\n", read).problems).toEqual(["1: this code block has no end"]);
  });
});
