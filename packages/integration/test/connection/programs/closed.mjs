// Closes its connections in many states, and tells what of them is left.
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";

const [endpoint = "", silent = ""] = process.argv.slice(2);
// Node opens the pipes of its output when the first socket closes; they are no remains of ours.
void [process.stdout, process.stderr];
const before = process.getActiveResourcesInfo().sort();

for (let i = 0; i < 20; i++) {
  const connection = connect({ endpoints: endpoint, autoSyncIntervalMs: 1_000, healthCheck: true });
  await createKv(connection).put("closed", `${i}`);
  await connection.close();
  await connection.close();
}
// Never used, in the middle of dialling, and with calls under way.
await connect({ endpoints: endpoint }).close();
const dialling = connect({ endpoints: silent });
const waiting = createKv(dialling).get("closed");
waiting.catch(() => undefined);
await dialling.close();
const busy = connect({ endpoints: endpoint });
const calls = Promise.allSettled(Array.from({ length: 50 }, () => createKv(busy).get("closed")));
await busy.ready();
await busy.close();
await calls;

// Handles that are being closed are gone within a few turns of the event loop.
const isExtra = (left) => left.join() !== before.join();
let left = process.getActiveResourcesInfo().sort();
for (let turn = 0; turn < 1_000 && isExtra(left); turn++) {
  await new Promise((resolve) => setImmediate(resolve));
  left = process
    .getActiveResourcesInfo()
    .filter((resource) => resource !== "Immediate")
    .sort();
}
console.log(JSON.stringify({ before, left }));
