import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { findEtcdBinaries } from "@etcdkit/testing";

/** An `etcdctl` that was found with a server. */
export interface Etcdctl {
  readonly version: string;
  readonly path: string;
}

/** Those of this machine, newest first: of all versions, since each speaks to servers of all. */
export const etcdctls: readonly Etcdctl[] = (
  await findEtcdBinaries({ ...process.env, ETCD_VERSIONS: undefined })
).flatMap(({ version, etcdctl }) => (etcdctl === undefined ? [] : { version, path: etcdctl }));
if (etcdctls.length === 0)
  console.log("Left out: etcdctl. There is none beside the servers of this machine.");

const env = { PATH: process.env["PATH"], ETCDCTL_API: "3" };

/** Runs it to its end; resolves to its output, and rejects with what it says where it fails. */
export async function runEtcdctl({ path }: Etcdctl, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(path, args, { env })).stdout;
}

/** An `etcdctl` at work. */
export interface Running extends AsyncDisposable {
  /** Its next line of output. */
  line(): Promise<string>;
  /** What it said on stderr, once it has ended; `undefined` while it runs. */
  readonly failure: string | undefined;
  /** Ctrl-C: it gives back what it holds, and ends. */
  interrupt(): Promise<void>;
  /** Kills it: what it holds stays held until its lease ends. */
  kill(): Promise<void>;
}

/** Runs it on a cluster. What it says on stderr is in the error of {@link Running.line} when it ends too early. */
export function startEtcdctl(
  { path }: Etcdctl,
  endpoints: readonly string[],
  args: readonly string[],
): Running {
  const child = spawn(path, [`--endpoints=${endpoints.join(",")}`, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (runs(child)) child.kill(signal);
    await ended;
  };
  return {
    async line() {
      const { done, value } = await lines.next();
      if (done) throw new Error(`etcdctl ${args.join(" ")} has ended: ${errors}`);
      return value;
    },
    get failure() {
      return runs(child) ? undefined : errors;
    },
    interrupt: () => end("SIGINT"),
    kill: () => end("SIGKILL"),
    [Symbol.asyncDispose]: () => end("SIGKILL"),
  };
}

function runs(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
