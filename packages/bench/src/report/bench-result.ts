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

/**
 * Puts together what was measured in parts, on one machine and with the same programs. Of a workload that is in several
 * parts the last counts, with all its clients: only those of one part took turns.
 *
 * @throws `TypeError` when the parts are not of one kind, or there is none.
 */
export function joinResults(results: readonly BenchResult[]): BenchResult {
  const [first, ...others] = results;
  if (first === undefined) throw new TypeError("from: there is no file");
  return others.reduce(join, first);
}

function join(before: BenchResult, result: BenchResult): BenchResult {
  const difference = differenceOf(before, result);
  if (difference !== undefined) throw new TypeError(`from: the files differ in ${difference}`);
  const again = new Set(result.measurements.map(({ workload }) => workload.name));
  const kept = before.measurements.filter(({ workload }) => !again.has(workload.name));
  const loadBefore = Math.max(before.facts.loadBefore, result.facts.loadBefore);
  return {
    ...result,
    facts: { ...result.facts, loadBefore },
    measurements: [...kept, ...result.measurements],
  };
}

/** What parts must have in common to be shown as one. */
function differenceOf(a: BenchResult, b: BenchResult): string | undefined {
  for (const name of ["runs", "warmUpMs", "measureMs"] as const) if (a[name] !== b[name]) return name;
  const facts = ["cpu", "memory", "kernel", "node", "etcd", "go", "clients"] as const;
  return facts.find((name) => a.facts[name] !== b.facts[name]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TypeError("from: the file is not JSON", { cause });
  }
}
