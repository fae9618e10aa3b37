import { existsSync, readFileSync } from "node:fs";

/**
 * The JSON report of a test run; `undefined` where the run died before it had written one.
 *
 * @param {string} file
 */
export function readTestReport(file) {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
