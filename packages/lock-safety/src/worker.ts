/**
 * One of the processes that contend: for all that there is at the same time, over one connection of its own.
 */
import { openSession } from "@etcdkit/concurrency";
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";
import { createChance } from "./chance.js";
import { contend } from "./contender.js";
import {
  type Assignment,
  type FromWorker,
  type Kind,
  kinds,
  type ToWorker,
  type WriteCounts,
  type Writer,
} from "./messages.js";

const { endpoints, seed, bug } = JSON.parse(process.argv.at(-1) ?? "") as Assignment;
const connection = connect({ endpoints });
const kv = createKv(connection);
const leases = createLeases(connection);
const watcher = createWatcher(connection);
const stop = new AbortController();
const answers = new Map<number, () => void>();
let asked = 0;
let announce: Kind | undefined;
let leave = (): void => undefined;

const tell = (message: FromWorker): void => void process.send?.(message);

process.on("message", (message: ToWorker) => {
  if (message.type === "stop") stop.abort(new Error("the run is over"));
  else if (message.type === "fenced") answers.get(message.id)?.();
  else if (message.type === "announce") announce = message.kind;
  else if (message.type === "write") giveLeave();
  else stall(message.ms);
});
// Whoever started us is gone.
process.once("disconnect", () => process.exit(1));

/** What a computation does that never lets go, without the heat: the machine has few processors. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function beforeWriting(writer: Writer): Promise<void> {
  if (announce !== writer.kind) return Promise.resolve();
  announce = undefined;
  tell({ type: "writing", ...writer });
  return new Promise((resolve) => {
    leave = resolve;
  });
}

function giveLeave(): void {
  announce = undefined;
  leave();
}

function writeFenced({ kind, shared, token }: Writer): Promise<void> {
  asked += 1;
  const id = asked;
  return new Promise((resolve) => {
    answers.set(id, () => {
      answers.delete(id);
      resolve();
    });
    tell({ type: "fenced", id, kind, shared, token });
  });
}

const newCounts = (): WriteCounts => ({ acknowledged: 0, refused: 0, failed: 0 });
const counts = {
  guarded: newCounts(),
  compared: newCounts(),
  control: newCounts(),
  givenUp: 0,
  sessions: 0,
};
const chance = createChance(seed);

await connection.ready({ timeoutMs: 30_000 });
tell({ type: "ready" });
await Promise.all(
  kinds.map((kind) =>
    contend({
      kind,
      bug,
      kv,
      chance: createChance(Math.floor(chance.between(0, 2 ** 32))),
      stopped: stop.signal,
      openSession: () => openSession({ kv, leases, watcher }, { ttlSeconds: chance.oneOf([2, 3, 4, 5]) }),
      tell,
      beforeWriting,
      writeFenced,
      counts,
    }),
  ),
);
const { givenUp, sessions, ...writes } = counts;
process.send?.({ type: "finished", writes, givenUp, sessions } satisfies FromWorker, () => process.exit(0));
