// Taking a lock in all ways there are, and giving it up.
import { createEtcd, createMutex, isEtcdError, openSession, withLock } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await using session = await openSession(etcd, { ttlSeconds: 15 });
await using elsewhere = await openSession(etcd, { ttlSeconds: 15 });

// #region with-lock
const mutex = createMutex(session, "examples/lock/report");

const pages = await withLock(mutex, async (lock) => {
  console.log("writing the report, token", typeof lock.fencingToken);
  return 3;
});
console.log("pages:", pages);
// #endregion

// #region lock
{
  await using lock = await mutex.lock({ timeoutMs: 5_000 });
  console.log("held:", lock.isHeld());

  const other = createMutex(elsewhere, "examples/lock/report");
  if ((await other.tryLock()) === undefined) console.log("somebody else has it");

  try {
    await other.lock({ timeoutMs: 100 });
  } catch (error) {
    if (isEtcdError(error, "DEADLINE")) console.log("waited long enough");
  }
} // released here
// #endregion

// #region loss
const lock = await mutex.lock();
lock.signal.addEventListener("abort", () => console.log("stop working:", lock.signal.reason.code));

await etcd.kv.delete(lock.key); // what an operator might do
while (!lock.signal.aborted) await step();
// #endregion

async function step(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

// Output:
// writing the report, token bigint
// pages: 3
// held: true
// somebody else has it
// waited long enough
// stop working: NOT_HOLDER
