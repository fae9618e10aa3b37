// A worker that runs on several machines and works on one of them at a time.
import { createElection, createEtcd, type Leadership, openSession, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const progress = "examples/leader-worker/progress";

// #region worker
/** Takes part for as long as the program runs: waits to lead, works while it does, and starts over when it was lost. */
async function worker(name: string, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await using session = await openSession(etcd, { ttlSeconds: 15, signal: stop });
    const election = createElection(etcd, "examples/leader-worker/leader");
    await using leadership = await election.campaign(session, name, { signal: stop });
    console.log(name, "leads");
    try {
      await work(name, leadership);
      return;
    } catch (error) {
      if (!leadership.signal.aborted) throw error; // a failure of the work itself
      console.log(name, "leads no longer");
    }
  }
}
// #endregion

// #region work
/** Goes on where the leader before stopped. Each step is one that the server refuses from anybody who does not lead. */
async function work(name: string, leadership: Leadership): Promise<void> {
  const kv = leadership.guard(etcd.kv);
  const done = await kv.get(progress);
  for (let step = done === undefined ? 1 : Number(utf8(done.value)) + 1; step <= 4; step++) {
    await kv.put(progress, `${step}`);
    console.log(name, "did step", step);
    if (step === 2 && name === "a") accident.abort("the machine is switched off");
    leadership.signal.throwIfAborted();
  }
}
// #endregion

const accident = new AbortController();
const a = worker("a", accident.signal);
for await (const _ of createElection(etcd, "examples/leader-worker/leader").observe()) break; // the first one leads
const b = worker("b", new AbortController().signal);
await a;
await b;
await etcd.kv.delete(progress);

// Output:
// a leads
// a did step 1
// a did step 2
// a leads no longer
// b leads
// b did step 3
// b did step 4
