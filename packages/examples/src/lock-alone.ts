// A lock with nothing but the packages that it needs.
// #region program
import { createMutex, openSession, withLock } from "@etcdkit/concurrency";
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const kv = createKv(connection);
const session = await openSession({
  kv,
  leases: createLeases(connection),
  watcher: createWatcher(connection),
});
const mutex = createMutex(session, "lock-alone/stock");

await withLock(mutex, async (lock) => {
  // Refused by the server, should the lock be another's by the time that this arrives there.
  await lock.guard(kv).put("lock-alone/apples", "12");
});
console.log("counted");

await session.close();
await kv.delete("lock-alone/apples");
await connection.close();
// #endregion

// Output:
// counted
