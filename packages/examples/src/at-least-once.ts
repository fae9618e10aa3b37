// Jobs that are done even if whoever does them dies in the middle: each is a key of its own until it is done.
import { createEtcd, createMutex, isEtcdError, openSession, type Session, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region work
const jobs = "examples/at-least-once/jobs/";
const locks = "examples/at-least-once/locks/";

/** Does every job that nobody else is at. What `handle` does may be done again: by another, if this one dies before the end. */
async function work(
  session: Session,
  handle: (job: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  for await (const page of etcd.kv.scan({ prefix: jobs }, { keysOnly: true })) {
    for (const { key } of page) {
      const id = utf8(key).slice(jobs.length);
      const lock = await createMutex(session, `${locks}${id}`).tryLock();
      if (lock === undefined) continue; // another is at it
      await using _released = lock;

      const job = await etcd.kv.get(key);
      if (job === undefined) continue; // another has done it before the lock was free
      await handle(utf8(job.value), lock.signal);
      await lock.guard(etcd.kv).delete(key); // only now it is gone
    }
  }
}
// #endregion

await using one = await openSession(etcd);
await using two = await openSession(etcd);

// #region jobs
await etcd.kv.put(`${jobs}17`, "resize photo 17");

const unlucky = work(one, async (job) => {
  console.log("the first begins:", job);
  await one.close(); // as if its machine were switched off, and its lease ran out
});
await unlucky.catch((error: unknown) => {
  if (isEtcdError(error, "NOT_HOLDER")) console.log("the job is still there");
});

await work(two, async (job) => console.log("the second does it:", job));
// #endregion

const left = await etcd.kv.range({ prefix: jobs }, { countOnly: true });
console.log("left to do:", left.count);

// Output:
// the first begins: resize photo 17
// the job is still there
// the second does it: resize photo 17
// left to do: 0
