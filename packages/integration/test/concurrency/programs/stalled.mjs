// Asks for a lock, stalls the event loop for longer than its lease lives before the answer is read, and tells what it got.
import { createMutex, openSession } from "@etcdkit/concurrency";
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";

const [endpoints, stallMs] = process.argv.slice(2);
const connection = connect({ endpoints });
const session = await openSession(
  { kv: createKv(connection), leases: createLeases(connection), watcher: createWatcher(connection) },
  { ttlSeconds: 2 },
);

const got = createMutex(session, "stalled/locked")
  .lock()
  .then(
    (lock) => `held: ${lock.isHeld()}`,
    (error) => error.code,
  );
// Two turns of the event loop later it is on its way, and hardly ever answered.
await new Promise(setImmediate);
await new Promise(setImmediate);
const end = performance.now() + Number(stallMs);
while (performance.now() < end);
console.log(await got);
await session.close();
await connection.close();
