import { runInput } from "./input.js";

/** What a run of the fuzzer found. */
export interface FuzzReport {
  readonly inputs: number;
  readonly seconds: number;
  /** How often calls, or links, ended in which way. */
  readonly endings: ReadonlyMap<string, number>;
  /** Seeds of inputs that failed, with what went wrong. */
  readonly failures: readonly { readonly seed: number; readonly what: string }[];
  /** The most memory that was in use between two batches, in bytes over that at the beginning. */
  readonly growthBytes: number;
}

// So many at once that a turn of the event loop is well used, so few that their memory is small.
const batchSize = 100;
const enoughFailures = 20;

/**
 * Runs inputs of consecutive seeds.
 *
 * @param onProgress - Called now and then with the number of inputs that are done.
 */
export async function runFuzz(
  inputs: number,
  seed: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<FuzzReport> {
  const endings = new Map<string, number>();
  const failures: { readonly seed: number; readonly what: string }[] = [];
  const strays: string[] = [];
  const onStray = (error: unknown): void =>
    void strays.push(error instanceof Error ? `${error.stack}` : String(error));
  process.on("uncaughtException", onStray);
  process.on("unhandledRejection", onStray);
  const begun = performance.now();
  const memoryBefore = memory();
  let growthBytes = 0;
  let done = 0;
  try {
    while (done < inputs && failures.length < enoughFailures) {
      const first = seed + done;
      const seeds = Array.from(
        { length: Math.min(batchSize, inputs - done) },
        (_, index) => (first + index) >>> 0,
      );
      const outcomes = await Promise.all(
        seeds.map(async (each) => ({ each, outcome: await runInput(each) })),
      );
      for (const { each, outcome } of outcomes) {
        for (const end of outcome.ended) endings.set(end, (endings.get(end) ?? 0) + 1);
        if (outcome.failure !== undefined) failures.push({ seed: each, what: outcome.failure });
      }
      for (const stray of strays.splice(0))
        failures.push({ seed: first, what: `in the batch of this seed: ${stray}` });
      done += seeds.length;
      growthBytes = Math.max(growthBytes, memory() - memoryBefore);
      if (done % 10_000 < batchSize) onProgress(done);
    }
  } finally {
    process.off("uncaughtException", onStray);
    process.off("unhandledRejection", onStray);
  }
  return { inputs: done, seconds: (performance.now() - begun) / 1_000, endings, failures, growthBytes };
}

function memory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
