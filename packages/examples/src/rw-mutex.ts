// Many read a catalogue together; who rewrites it is alone.
import { createEtcd, createRwMutex, openSession, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await using session = await openSession(etcd, { ttlSeconds: 20 });
const pages = "examples/rw-mutex/pages/";

// #region rw-mutex
const mutex = createRwMutex(session, "examples/rw-mutex/catalogue");

async function rewrite(edition: string): Promise<void> {
  await using lock = await mutex.writeLock();
  // What is written through the lock is refused by etcd once the lock is lost.
  const kv = lock.guard(etcd.kv);
  await kv.put(`${pages}1`, edition);
  await kv.put(`${pages}2`, edition);
}

async function read(): Promise<string> {
  await using lock = await mutex.readLock({ timeoutMs: 10_000 });
  const { kvs } = await etcd.kv.range({ prefix: pages }, { signal: lock.signal });
  return kvs.map(({ value }) => utf8(value)).join(", ");
}
// #endregion

await rewrite("first edition");
const reading = [read(), read(), read()];
const writing = rewrite("second edition");
for (const text of await Promise.all(reading))
  console.log("of one edition:", new Set(text.split(", ")).size === 1);
await writing;
console.log(await read());

// #region try
const lock = await mutex.tryWriteLock();
console.log("nobody reads or writes:", lock !== undefined);
console.log("can be read meanwhile:", (await mutex.tryReadLock()) !== undefined);
await lock?.unlock();
// #endregion

await etcd.kv.delete({ prefix: pages });

// Output:
// of one edition: true
// of one edition: true
// of one edition: true
// second edition, second edition
// nobody reads or writes: true
// can be read meanwhile: false
