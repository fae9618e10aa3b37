// Closes its connections in many states, and tells how what was under way ended and what of it all is left.
import { once } from "node:events";
import { createClient } from "@connectrpc/connect";
import { connect } from "@etcdkit/core";
import { Watch } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";

const { endpoint, silent, secure, ca, logIn, failing } = JSON.parse(process.argv[2] ?? "");
// Node opens the pipes of its output when the first socket closes; they are no remains of ours.
void [process.stdout, process.stderr];
const before = resources();
const ended = {};

function resources() {
  return process
    .getActiveResourcesInfo()
    .filter((resource) => resource !== "Immediate")
    .sort();
}

/** Waits until those at the other end have seen that it has come so far. */
async function reached(state) {
  process.send(state);
  await once(process, "message");
}

/** Closes the connection while something is under way, once it is known to be. */
async function closeDuring(state, connection, pending, underWay) {
  const end = pending.then(
    () => "resolved",
    (error) => error.code,
  );
  await underWay;
  await connection.close();
  ended[state] = await end;
}

for (let i = 0; i < 20; i++) {
  const connection = connect({ endpoints: endpoint, autoSyncIntervalMs: 1_000, healthCheck: true });
  await createKv(connection).put("closed", `${i}`);
  await connection.close();
  await connection.close();
}

await connect({ endpoints: endpoint }).close(); // never used

const dialling = connect({ endpoints: silent });
await closeDuring("dialling", dialling, createKv(dialling).get("closed"));

const shaking = connect({ endpoints: secure, tls: { ca } });
await closeDuring("TLS handshake", shaking, createKv(shaking).get("closed"), reached("TLS handshake"));

const loggingIn = connect({ endpoints: logIn, credentials: { username: "root", password: "secret" } });
await closeDuring("log-in", loggingIn, createKv(loggingIn).get("closed"), reached("log-in"));

const busy = connect({ endpoints: endpoint });
await busy.ready();
const calls = Array.from({ length: 50 }, () => createKv(busy).get("closed"));
await closeDuring("calls", busy, Promise.all(calls));
await Promise.allSettled(calls);

const streaming = connect({ endpoints: endpoint });
const watch = async function* () {
  yield { requestUnion: { case: "createRequest", value: { key: Buffer.from("closed") } } };
  await once(streaming.signal, "abort");
};
const created = Promise.withResolvers();
const follow = async () => {
  for await (const answer of createClient(Watch, streaming.transport).watch(watch())) created.resolve(answer);
};
await closeDuring("open stream", streaming, follow(), created.promise);

const failed = Promise.withResolvers();
const ignore = () => undefined;
const repeating = connect({
  endpoints: failing,
  retry: { waitMs: 5_000, jitter: 0 },
  logger: { debug: failed.resolve, info: ignore, warn: ignore, error: ignore },
});
await closeDuring("between attempts", repeating, createKv(repeating).get("closed"), failed.promise);

// Handles that are being closed are gone within a few turns of the event loop.
let left = resources();
for (let turn = 0; turn < 1_000 && left.join() !== before.join(); turn++) {
  await new Promise((resolve) => setImmediate(resolve));
  left = resources();
}
process.disconnect();
console.log(JSON.stringify({ before, left, ended }));
