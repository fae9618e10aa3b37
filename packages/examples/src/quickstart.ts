// Shows the client at work. `npm run quickstart` runs this, on the cluster of ETCD_ENDPOINTS or on one of its own.
import { randomBytes } from "node:crypto";
import { compare, isEtcdError, type KeyValue, type Kv, op, utf8 } from "etcdkit";
import { openPlayground, Unavailable } from "./quickstart/cluster.js";
import { say, step } from "./quickstart/tell.js";

function pair({ key, value }: KeyValue): string {
  return `${utf8(key)} = ${utf8(value)}`;
}

/** Every step, on keys below a prefix of its own: the cluster may be in use. */
async function tour(kv: Kv, prefix: string, signal: AbortSignal): Promise<void> {
  const greeting = `${prefix}greeting`;
  const fruit = `${prefix}fruit/`;

  const first = await step(
    "Put a key. Every write moves the store on by one revision.",
    () => kv.put(greeting, "hello"),
    ({ header }) => `written at revision ${header.revision}`,
  );
  await step(
    "Get it. Values are bytes; utf8() makes text of them.",
    () => kv.get(greeting),
    (found) => (found === undefined ? "nothing" : `${pair(found)}  (version ${found.version})`),
  );
  signal.throwIfAborted();

  await kv.txn({
    success: ["apple", "banana", "cherry", "date"].map((name, i) => op.put(fruit + name, `${i}`)),
  });
  await step(
    "Read a range: from one key up to, and without, another.",
    () => kv.range({ from: `${fruit}apple`, to: `${fruit}cherry` }),
    ({ kvs, count }) => [`${count} keys`, ...kvs.map(pair)],
  );
  await step(
    "Read all keys with a prefix, the last ones first.",
    () => kv.range({ prefix: fruit }, { sort: { by: "key", order: "descending" }, limit: 3 }),
    ({ kvs, count, more }) => [`${kvs.length} of ${count} keys, more: ${more}`, ...kvs.map(pair)],
  );
  signal.throwIfAborted();

  await step(
    "Compare and swap in one transaction.",
    () =>
      kv.txn({
        compare: [compare.value(greeting).equals("hello")],
        success: [op.put(greeting, "good evening"), op.range(greeting)],
        failure: [op.range(greeting)],
      }),
    (result) => [
      `succeeded: ${result.succeeded}`,
      ...(result.succeeded ? result.responses[1] : result.responses[0]).kvs.map(pair),
    ],
  );
  await step(
    "Delete keys.",
    () => kv.delete({ prefix: fruit }),
    ({ deleted }) => `${deleted} deleted`,
  );
  signal.throwIfAborted();

  const { revision } = first.header;
  await step(
    "Read the past: the key as it was at its first revision.",
    () => kv.get(greeting, { revision }),
    (found) => (found === undefined ? "nothing" : pair(found)),
  );
  await step(
    "Make a mistake. Errors have a code, and writes say whether they were applied.",
    () => kv.put("", "no key").catch((error: unknown) => error),
    (error) =>
      isEtcdError(error)
        ? [`${error.code}, ${error.outcome}`, error.message]
        : `unexpected: ${String(error)}`,
  );
}

async function main(signal: AbortSignal): Promise<void> {
  await using playground = await openPlayground(signal);
  const { kv } = playground.etcd;
  const prefix = `quickstart-${randomBytes(4).toString("hex")}/`;
  say(`${playground.description}\nKeys go below ${prefix} and are removed at the end.`);
  try {
    await tour(kv, prefix, signal);
  } finally {
    await kv.delete({ prefix });
  }
  say("Done. Nothing is left behind. The README says what else there is.");
}

const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => interrupted.abort(new Unavailable(`Interrupted by ${name}.`)));
}

try {
  await main(interrupted.signal);
} catch (error) {
  if (!(error instanceof Unavailable || isEtcdError(error))) throw error;
  console.error(
    `\n${isEtcdError(error) ? `The tour ended early: ${error.message} (${error.code}).` : error.message}`,
  );
  process.exitCode = 1;
}
