import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { buildGoProgram, GoModulesError } from "@etcdkit/testing";

/** The program of `tools/interop`, built if need be; undefined where there is no Go that can. */
export const goProgram: string | undefined = await build().catch((error: unknown) => {
  if (!(error instanceof GoModulesError)) throw error;
  leaveOut(error.message);
  return undefined;
});

async function build(): Promise<string | undefined> {
  const sources = fileURLToPath(new URL("../../../../tools/interop/", import.meta.url));
  const program = await buildGoProgram(sources, "interop");
  if (program === undefined) leaveOut("There is no Go on PATH.");
  return program;
}

function leaveOut(reason: string): void {
  console.log(`Left out: sharing keys with Go's client. ${reason}`);
}

/** What a call of the program needs: see `request` in `tools/interop/main.go`. */
export interface GoArguments {
  readonly session?: string;
  readonly name?: string;
  readonly instance?: string;
  readonly ttlSeconds?: number;
  readonly key?: string;
  readonly value?: string;
  readonly count?: number;
  readonly priority?: number;
  readonly puts?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, { readonly addr: string; readonly metadata?: unknown }>>;
  readonly delete?: readonly string[];
}

/** A call of Go's that goes on until it is cancelled. Its events are read one by one, in order. */
export interface GoStream<T> {
  next(): Promise<T>;
  cancel(): Promise<void>;
}

/** A Go program that uses etcd's own client packages, at our orders. */
export interface GoClient extends AsyncDisposable {
  /**
   * Lets it make a call.
   *
   * @returns What the call returned, in the shape that the caller knows it to have.
   * @throws Error with Go's message.
   */
  call<T = void>(name: string, args?: GoArguments): Promise<T>;
  /** The same, with `cancel()`, which makes the context of the call end. */
  start<T = void>(name: string, args?: GoArguments): { readonly done: Promise<T>; cancel(): Promise<void> };
  stream<T>(name: string, args?: GoArguments): GoStream<T>;
  /** Kills it: what it holds stays held until its lease ends. */
  kill(): Promise<void>;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly event?: unknown;
  readonly error?: string;
  readonly done: boolean;
}

interface Waiting {
  readonly settle: (answer: Answer) => void;
  readonly fail: (reason: Error) => void;
}

/** Starts the program on a cluster. */
export function startGoClient(endpoints: readonly string[]): GoClient {
  if (goProgram === undefined) throw new Error("the Go program is not there");
  const addresses = endpoints.map((endpoint) => endpoint.replace(/^http:\/\//, ""));
  const child = spawn(goProgram, [addresses.join(",")], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = once(child, "close");
  const waiting = new Map<number, Waiting>();
  let [count, errors] = [0, ""];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const answer = JSON.parse(line) as Answer;
    waiting.get(answer.id)?.settle(answer);
    if (answer.done) waiting.delete(answer.id);
  });
  child.stderr.on("data", (text: Buffer) => {
    errors += text;
  });
  child.stdin.on("error", () => undefined); // it has ended, which is told below
  child.once("close", () => {
    for (const { fail } of waiting.values()) fail(new Error(`the Go program has ended: ${errors}`));
    waiting.clear();
  });

  const order = (call: string, args: object, one: Waiting): number => {
    count += 1;
    if (child.exitCode !== null || child.signalCode !== null) one.fail(new Error("the Go program has ended"));
    else waiting.set(count, one);
    child.stdin.write(`${JSON.stringify({ id: count, call, ...args })}\n`);
    return count;
  };
  const cancel = (of: number): Promise<void> =>
    new Promise((resolve, fail) => order("cancel", { of }, { settle: () => resolve(), fail }));

  const client: GoClient = {
    call: <T>(name: string, args?: GoArguments) => client.start<T>(name, args).done,
    start<T>(name: string, args: GoArguments = {}) {
      let id = 0;
      const done = new Promise<T>((resolve, fail) => {
        const settle = ({ result, error }: Answer): void =>
          error === undefined ? resolve(result as T) : fail(new Error(`Go: ${error}`));
        id = order(name, args, { settle, fail });
      });
      done.catch(() => undefined); // whoever only wants to cancel it need not look at its end
      return { done, cancel: () => cancel(id) };
    },
    stream<T>(name: string, args: GoArguments = {}) {
      const events = new PassThrough({ objectMode: true });
      const reader = events[Symbol.asyncIterator]();
      const fail = (reason: Error): void => void events.destroy(reason);
      const settle = ({ event, error, done }: Answer): void => {
        if (error !== undefined) fail(new Error(`Go: ${error}`));
        else if (done) events.end();
        else events.write(event);
      };
      events.on("error", () => undefined); // told by next()
      const id = order(name, args, { settle, fail });
      return {
        async next() {
          const { done, value } = await reader.next();
          if (done) throw new Error(`${name} of Go has ended`);
          return value as T;
        },
        cancel: () => cancel(id),
      };
    },
    async kill() {
      await stop(child, ended);
    },
    [Symbol.asyncDispose]: () => client.kill(),
  };
  return client;
}

async function stop(child: ChildProcessWithoutNullStreams, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await ended;
}
