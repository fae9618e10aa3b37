import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { failuresIn } from "./failures.mjs";
import { inRoot } from "./workspace.mjs";

let directory;
let file;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "etcdkit-failures-"));
  file = join(directory, "report.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

function report(...testResults) {
  writeFileSync(file, JSON.stringify({ testResults }));
}

describe("what failed in a test run", () => {
  it("is told by file, test and the first line of why", () => {
    report(
      {
        name: inRoot("packages", "kv", "test", "a.test.ts"),
        status: "failed",
        message: "",
        assertionResults: [
          { status: "passed", ancestorTitles: ["kv"], title: "gets", failureMessages: [] },
          {
            status: "failed",
            ancestorTitles: ["kv", "with users"],
            title: "puts",
            failureMessages: ["\u001b[31mAssertionError\u001b[39m: expected 1 to be 2\n    at a.test.ts:1:1"],
          },
        ],
      },
      { name: inRoot("b.test.ts"), status: "passed", message: "", assertionResults: [] },
    );
    expect(failuresIn(file)).toEqual([
      "packages/kv/test/a.test.ts > kv > with users > puts: AssertionError: expected 1 to be 2",
    ]);
  });

  it("is the file, when it does not load", () => {
    report({
      name: inRoot("b.test.ts"),
      status: "failed",
      message: "Cannot find c\nat b",
      assertionResults: [],
    });
    expect(failuresIn(file)).toEqual(["b.test.ts: Cannot find c"]);
  });

  it("is not known of a run that died", () => {
    expect(failuresIn(file)).toEqual([]);
    writeFileSync(file, '{"testRes');
    expect(failuresIn(file)).toEqual([]);
  });
});
