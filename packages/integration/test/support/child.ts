import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/**
 * Within this a process ends by itself that waits for nothing, in milliseconds. It is less than any timer of ours that would
 * hold it up, and far more than the half second that the end of a process takes where thirty others want to run.
 */
export const endsWithinMs = 1_900;

/** How a program of its own process ended. */
export interface ChildEnd {
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly output: string;
  readonly errors: string;
  /** From the program's last line of output to the end of its process, in milliseconds. */
  readonly lingeredMs: number;
}

/**
 * Runs a program of this package in a process of its own, on the packages as they were built last, and waits for it to end
 * by itself.
 *
 * @param program - Relative to the caller: `new URL("./programs/idle.mjs", import.meta.url)`.
 * @param reached - Called when the program sends a message, as it does when it has come to something that it cannot see the
 * far end of. It gets an answer when this resolves.
 * @throws what `reached` throws, and the program is killed then.
 */
export async function runProgram(
  program: URL,
  args: readonly string[],
  reached?: (state: string) => Promise<void>,
): Promise<ChildEnd> {
  const child = spawn(process.execPath, [fileURLToPath(program), ...args], {
    stdio: ["ignore", "pipe", "pipe", ...(reached === undefined ? [] : ["ipc" as const])],
    timeout: 50_000,
  });
  let [output, errors] = ["", ""];
  const failures: unknown[] = [];
  child.on("message", (state) => {
    reached?.(String(state)).then(
      () => child.send("go on"),
      (error: unknown) => {
        failures.push(error);
        child.kill();
      },
    );
  });
  let lastWordMs = performance.now();
  child.stdout?.on("data", (text: Buffer) => {
    output += text;
    lastWordMs = performance.now();
  });
  child.stderr?.on("data", (text: Buffer) => {
    errors += text;
  });
  const [exitCode] = await once(child, "close");
  if (failures.length > 0) throw failures[0];
  return { exitCode: exitCode ?? undefined, output, errors, lingeredMs: performance.now() - lastWordMs };
}
