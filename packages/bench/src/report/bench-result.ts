import type { Measurement } from "../run-bench.js";
import type { Facts } from "./facts.js";

/** All that a bench found, as it is kept in a file. */
export interface BenchResult {
  readonly format: typeof resultFormat;
  readonly facts: Facts;
  readonly runs: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly measurements: readonly Measurement[];
}

/** Counts up when a program of before cannot read the files any more. */
export const resultFormat = 1;

/** @throws `TypeError` when the text is not a result, or one of another format. */
export function parseResult(text: string): BenchResult {
  const found = parseJson(text) as Partial<BenchResult> | null;
  if (found?.format !== resultFormat || !Array.isArray(found.measurements)) {
    throw new TypeError(`from: the file is not a result of this program (format ${resultFormat})`);
  }
  return found as BenchResult;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TypeError("from: the file is not JSON", { cause });
  }
}
