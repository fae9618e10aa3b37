import { isAbsolute, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { readTestReport } from "./test-report.mjs";
import { root } from "./workspace.mjs";

/**
 * What failed in a test run, a line each: file, test and why, so that nobody has to look for it among thousands of
 * tests that passed. Only what the run's JSON report knows; errors outside tests are in what the run printed.
 *
 * @param {string} file The report.
 * @returns {string[]}
 */
export function failuresIn(file) {
  const { testResults = [] } = readTestReport(file) ?? {};
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0) return status === "failed" ? [line([pathOf(name)], message)] : [];
    return failed.map((test) =>
      line([pathOf(name), ...test.ancestorTitles, test.title], test.failureMessages?.[0]),
    );
  });
}

function pathOf(name) {
  return isAbsolute(name) ? relative(root, name) : name;
}

function line(where, message = "") {
  const [why = ""] = stripVTControlCharacters(message).trim().split("\n");
  return [where.join(" > "), why].filter(Boolean).join(": ");
}
