import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Bridge, openBridge, startWatchdog } from "@etcdkit/testing";
import type { Bug } from "./bugs.js";
import type { Chance } from "./chance.js";
import type { Assignment, FromWorker, Kind, ToWorker, Writer } from "./messages.js";

/** A process that contends, behind bridges of its own. */
export interface Contender extends AsyncDisposable {
  readonly worker: number;
  readonly bridges: readonly Bridge[];
  readonly pid: number;
  send(message: ToWorker): void;
  /** Stops it in its tracks (SIGSTOP), until {@link Contender.resume}. */
  pause(): void;
  resume(): void;
  /**
   * Waits until it has asked whether it holds something of a kind, was told so, and is about to write. It then waits for
   * {@link Contender.letWrite}. Undefined when it does not come to that in time.
   */
  holdWrite(kind: Kind, withinMs: number): Promise<Writer | undefined>;
  /** To be called after each {@link Contender.holdWrite}. */
  letWrite(): void;
  /** Resolves when the process has ended by itself. */
  readonly ended: Promise<void>;
}

/** All of them. */
export interface Contenders extends AsyncDisposable {
  readonly all: readonly Contender[];
}

type Hear = (worker: number, message: FromWorker, answer: (message: ToWorker) => void) => void;

/**
 * Starts processes, and waits until all are ready. They end with this one, whatever ends it: also those that are paused.
 *
 * @param bug - What is planted in their locks.
 * @param hear - Gets all that they say.
 */
export async function startContenders(
  members: readonly string[],
  count: number,
  chance: Chance,
  bug: Bug | undefined,
  hear: Hear,
): Promise<Contenders> {
  const folder = await mkdtemp(join(tmpdir(), "etcdkit-lock-safety-"));
  const watchdog = startWatchdog(folder);
  const all: Contender[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(all.map((contender) => contender[Symbol.asyncDispose]()));
    await watchdog.close();
  };
  try {
    const ready = Array.from({ length: count }, async (_, worker) => {
      const seed = Math.floor(chance.between(0, 2 ** 32));
      const bridges = await Promise.all(members.map((member) => openBridge(member)));
      const endpoints = bridges.map(({ endpoint }) => endpoint);
      await new Promise<void>((resolve, reject) => {
        const contender = startContender(worker, { endpoints, seed, bug }, bridges, (message) => {
          if (message.type === "ready") resolve();
          hear(worker, message, contender.send);
        });
        all.push(contender);
        watchdog.guard(contender.pid);
        void contender.ended.then(() => {
          watchdog.release(contender.pid);
          reject(new Error(`worker ${worker} has ended before it was ready`));
        });
      });
    });
    await Promise.all(ready);
    return { all, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function startContender(
  worker: number,
  assignment: Assignment,
  bridges: readonly Bridge[],
  hear: (message: FromWorker) => void,
): Contender {
  const child = fork(fileURLToPath(new URL("./worker.js", import.meta.url)), [JSON.stringify(assignment)]);
  let holdsWrite = (_writer: Writer): void => undefined;
  child.on("message", (message: FromWorker) => {
    if (message.type === "writing") holdsWrite(message);
    else hear(message);
  });
  const send = (message: ToWorker): void => void (child.connected && child.send(message, () => undefined));
  const ended = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      if (how !== "0") hear({ type: "problem", text: `the process has ended: ${how}` });
      resolve();
    };
    // Not `exit`: what it said last may come after that.
    child.once("close", (code, signal) => end(String(code ?? signal)));
    child.once("error", ({ message }) => end(message)); // it never began
  });
  return {
    worker,
    bridges,
    pid: child.pid ?? 0,
    send,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async holdWrite(kind, withinMs) {
      const told = new Promise<Writer>((resolve) => {
        holdsWrite = resolve;
      });
      send({ type: "announce", kind });
      return await Promise.race([told, delay(withinMs, undefined, { ref: false })]);
    },
    letWrite: () => send({ type: "write" }),
    ended,
    async [Symbol.asyncDispose]() {
      if (runs(child)) child.kill("SIGKILL"); // it ends a paused process as well
      await ended;
      await Promise.all(bridges.map((bridge) => bridge.close()));
    },
  };
}

function runs(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
