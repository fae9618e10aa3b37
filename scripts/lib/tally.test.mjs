import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ofReport, sum } from "./tally.mjs";

let directory;
let file;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "etcdkit-tally-"));
  file = join(directory, "report.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

function report({ passed = 0, failed = 0, pending = 0, todo = 0, files = [] }) {
  const counts = {
    numPassedTests: passed,
    numFailedTests: failed,
    numPendingTests: pending,
    numTodoTests: todo,
  };
  writeFileSync(file, JSON.stringify({ ...counts, testResults: files }));
}

describe("the tally of a test run", () => {
  it("is what the report counts; a test that is still to be written was skipped", () => {
    report({ passed: 3, failed: 1, pending: 2, todo: 1, files: [] });
    expect(ofReport(1, file)).toEqual({ passed: 3, failed: 1, skipped: 3 });
  });

  it("has a failure for every file that does not load", () => {
    const loaded = { status: "failed", assertionResults: [{ status: "failed" }] };
    report({ passed: 3, failed: 1, files: [loaded, { status: "failed", assertionResults: [] }] });
    expect(ofReport(1, file)).toEqual({ passed: 3, failed: 2, skipped: 0 });
  });

  it("has a failure when the run fails for a reason that no test gives", () => {
    report({ passed: 3 });
    expect(ofReport(1, file)).toEqual({ passed: 3, failed: 1, skipped: 0 });
  });

  it("has a failure when the run dies before it reports", () => {
    expect(ofReport(137, file)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    writeFileSync(file, '{"numTotal');
    expect(ofReport(137, file)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it("has a failure when nothing ran", () => {
    report({ pending: 4 });
    expect(ofReport(0, file)).toEqual({ passed: 0, failed: 1, skipped: 4 });
  });

  it("adds up", () => {
    const one = { passed: 1, failed: 2, skipped: 3 };
    expect(sum([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6 });
    expect(sum([])).toEqual({ passed: 0, failed: 0, skipped: 0 });
  });
});
