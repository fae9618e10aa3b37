// A job that every machine starts at the same time, and that is to run once.
import { createEtcd, createMutex, openSession, type Session, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region cron
const lastRun = "examples/cron-lock/last-run";

/** Runs a job for a time slot, such as "2026-11-20T17:00", on whichever machine comes first. */
async function runOnce(
  session: Session,
  slot: string,
  job: (signal: AbortSignal) => Promise<void>,
): Promise<string> {
  const lock = await createMutex(session, "examples/cron-lock/lock").tryLock();
  if (lock === undefined) return "it runs elsewhere";
  await using _released = lock;

  // Who comes late finds the lock free, and the job done.
  const last = await etcd.kv.get(lastRun);
  if (last !== undefined && utf8(last.value) >= slot) return "it was done elsewhere";

  await job(lock.signal);
  await lock.guard(etcd.kv).put(lastRun, slot); // only if nobody else can have run it meanwhile
  return "done";
}
// #endregion

await using one = await openSession(etcd);
await using two = await openSession(etcd);
let runs = 0;
const job = async (): Promise<void> => {
  runs += 1;
  console.log("at the same time:", await runOnce(two, "2026-11-20T17:00", job));
};
console.log("on time:", await runOnce(one, "2026-11-20T17:00", job));
console.log("later:", await runOnce(two, "2026-11-20T17:00", job));
console.log("runs:", runs);
await etcd.kv.delete(lastRun);

// Output:
// at the same time: it runs elsewhere
// on time: done
// later: it was done elsewhere
// runs: 1
