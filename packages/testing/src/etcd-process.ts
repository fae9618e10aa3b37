import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { appendFile, readFile } from "node:fs/promises";
import type { Watchdog } from "./watchdog.js";

/** How to start one server process, and start it again. */
export interface EtcdCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory. etcd puts its unix sockets there. */
  readonly directory: string;
  /** Everything that the server says is appended here. */
  readonly logFile: string;
  /** Also show it on this process's stderr. */
  readonly echo: boolean;
}

/** One run of the server program, from its start to its end. */
export interface EtcdProcess {
  readonly pid: number;
  readonly isRunning: boolean;
  /** Resolves when the process has ended, with how: `exit 1`, `SIGKILL`. Never rejects. */
  readonly ended: Promise<string>;
  signal(signal: "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT"): void;
  /** Resolves like {@link EtcdProcess.ended}, and keeps this process alive until then. */
  waitUntilEnded(): Promise<string>;
}

/**
 * Starts the server program. It does not keep this process alive, and does not outlive it.
 *
 * @throws Error when the program cannot be started at all.
 */
export async function startProcess(command: EtcdCommand, watchdog: Watchdog): Promise<EtcdProcess> {
  const child = launch(command);
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => resolve(signal ?? `exit ${code}`));
    child.once("error", (error) => resolve(error.message));
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`etcd cannot be started: ${await ended}`);
  watchdog.guard(pid);
  let isRunning = true;
  void ended.then(() => {
    isRunning = false;
    watchdog.release(pid);
  });
  child.unref();

  return {
    pid,
    ended,
    get isRunning() {
      return isRunning;
    },
    signal(signal) {
      // After its end the number may belong to another process.
      if (isRunning && child.exitCode === null && child.signalCode === null) child.kill(signal);
    },
    async waitUntilEnded() {
      if (isRunning) child.ref();
      return ended;
    },
  };
}

/**
 * The log goes straight to a file. Through a pipe, a test that stalls its own event loop would stall the server too;
 * only someone who wants to watch pays that price.
 */
function launch({ program, args, env, directory, logFile, echo }: EtcdCommand): ChildProcess {
  const log = openSync(logFile, "a");
  try {
    const output = echo ? "pipe" : log;
    // Out of the terminal's process group: Ctrl-C is for the program that runs the test, which then ends its servers.
    const options = { cwd: directory, env, detached: true, stdio: ["ignore", output, output] as const };
    const child = spawn(program, args, { ...options, stdio: [...options.stdio] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (text: Buffer) => {
        process.stderr.write(text);
        void appendFile(logFile, text).catch(() => undefined); // the folder may be gone already
      });
    }
    return child;
  } finally {
    closeSync(log);
  }
}

/**
 * The end of a server's log, for an error message, and its first line: a server that does not understand its arguments
 * says so there, and then explains itself at length.
 */
export async function logExcerpt(logFile: string, count = 15): Promise<string> {
  const text = await readFile(logFile, "utf8").catch(() => "");
  const [first = "", ...rest] = text.trimEnd().split("\n");
  return [first, ...(rest.length > count ? ["..."] : []), ...rest.slice(-count)].join("\n");
}
