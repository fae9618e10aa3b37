import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Job, parseSample, type Sample } from "./job.js";

const worker = fileURLToPath(new URL("./worker.js", import.meta.url));
const keptCharacters = 2_000;

/** How a job is run. */
export interface RunOptions {
  /** A program that takes the job itself. Default: Node with our own. */
  readonly program?: string | undefined;
  /** For Node itself, `--cpu-prof` for instance. */
  readonly nodeArguments?: readonly string[] | undefined;
  /**
   * How long it may take beside its warm-up and measured time, in milliseconds: for starting, connecting, opening what is
   * held and ending, and no longer where an operation hangs. Default 120_000.
   */
  readonly graceMs?: number | undefined;
  /** Ends the process when it aborts. */
  readonly signal: AbortSignal;
}

/**
 * Runs a job in a process of its own.
 *
 * @throws Error with the end of what the process said, when it fails or takes too long; `signal.reason` on abort.
 */
export async function runJob(job: Job, options: RunOptions): Promise<Sample> {
  const { program = process.execPath, nodeArguments = [], graceMs = 120_000, signal } = options;
  signal.throwIfAborted();
  const limit = AbortSignal.timeout(job.warmUpMs + job.measureMs + graceMs);
  const args = options.program === undefined ? [...nodeArguments, worker] : [];
  const child = spawn(program, [...args, JSON.stringify(job)], { stdio: ["ignore", "pipe", "pipe"] });
  const end = (): void => void child.kill("SIGKILL");
  for (const reason of [signal, limit]) reason.addEventListener("abort", end, { once: true });
  let output = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-keptCharacters);
  });
  try {
    const how = await new Promise<string | undefined>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, killedBy) => resolve(code === 0 ? undefined : (killedBy ?? `exit ${code}`)));
    });
    signal.throwIfAborted();
    if (limit.aborted) throw new Error("took too long");
    if (how !== undefined) throw new Error(`ended with ${how}: ${complaints.trim()}`);
    return parseSample(output);
  } finally {
    for (const reason of [signal, limit]) reason.removeEventListener("abort", end);
  }
}
