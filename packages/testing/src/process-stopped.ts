import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const longestMs = 5_000;
/** On systems that do not tell how threads are: far longer than a signal takes to reach them on an idle machine. */
const fallbackMs = 100;

/**
 * Waits until a process that was sent SIGSTOP has really stopped. The signal reaches its threads by and by, and one that
 * has not seen it yet may still answer a call.
 *
 * Linux tells the state of each thread. Elsewhere this waits for a tenth of a second and hopes.
 *
 * @throws Error when it has not stopped after 5 s, or has ended.
 */
export async function processStopped(pid: number): Promise<void> {
  if (process.platform !== "linux") {
    await delay(fallbackMs);
    process.kill(pid, 0); // throws when there is no such process
    return;
  }
  const deadline = performance.now() + longestMs;
  while (!(await areThreadsStopped(pid))) {
    if (performance.now() > deadline) throw new Error(`process ${pid} has not stopped after ${longestMs} ms`);
    await delay(1);
  }
}

async function areThreadsStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(threads.map((thread) => stateOf(pid, thread)));
  if (states.every((state) => state === "gone")) throw new Error(`process ${pid} has ended`);
  return states.every((state) => state !== "running");
}

async function stateOf(pid: number, thread: string): Promise<"running" | "stopped" | "gone"> {
  const line = await readFile(`/proc/${pid}/task/${thread}/stat`, "latin1").catch(() => "");
  // After the name, which stands in brackets and may contain any character.
  switch (line.slice(line.lastIndexOf(")") + 2)[0]) {
    case "T":
    case "t":
      return "stopped";
    case "Z":
    case "X":
    case undefined:
      return "gone";
    default:
      return "running";
  }
}
