import { readTestReport } from "./test-report.mjs";

/** How many checks passed, failed and were skipped. */
export const none = { passed: 0, failed: 0, skipped: 0 };

export function sum(tallies) {
  return tallies.reduce(
    (total, { passed, failed, skipped }) => ({
      passed: total.passed + passed,
      failed: total.failed + failed,
      skipped: total.skipped + skipped,
    }),
    none,
  );
}

/** One check that is not a test run: it passed when its program ended with 0. */
export function ofExitCode(code) {
  return code === 0 ? { ...none, passed: 1 } : { ...none, failed: 1 };
}

/**
 * What a test run says in its JSON report. Whatever goes wrong outside a test counts as one failure: a file that does
 * not load, an unhandled error, a run that dies before it reports, a run without a single test.
 *
 * @param {number} code The run's exit code.
 * @param {string} file The report.
 */
export function ofReport(code, file) {
  const report = readTestReport(file);
  if (report === undefined) return { ...none, failed: 1 };
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;
  const passed = report.numPassedTests;
  const failed = report.numFailedTests + broken;
  const skipped = report.numPendingTests + report.numTodoTests;
  const unexplained = failed === 0 && (code !== 0 || passed === 0) ? 1 : 0;
  return { passed, failed: failed + unexplained, skipped };
}
