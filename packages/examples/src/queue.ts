// Jobs that are handed out once each, in their order.
import { createEtcd, createQueue, itemsOf, json, outcomeOf, type Queue } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const prefix = "examples/queue/mails";

// #region enqueue
const queue = createQueue(etcd, prefix);
for (const to of ["ada", "grace"]) {
  // An id of one's own tells a job that was put there twice from two jobs.
  await queue.enqueue(JSON.stringify({ id: crypto.randomUUID(), to }));
}
// #endregion

const shutdown = new AbortController();
let sent = 0;

function send(item: Uint8Array): void {
  const job = json(item) as { readonly to: string };
  console.log("a mail to", job.to);
  if (++sent === 2) shutdown.abort(new Error("enough for today"));
}

// #region dequeue
async function worker(queue: Queue, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      send(await queue.dequeue({ signal }));
    } catch (error) {
      // The answer was lost, or the signal came in the middle: the job may be gone, and nobody else may have it.
      for (const item of itemsOf(error)) send(item); // at least once; without this line, at most once
      if (!signal.aborted) throw error;
    }
  }
}
// #endregion

await worker(queue, shutdown.signal);

// #region enqueue-again
async function enqueueSurely(job: { readonly id: string; readonly to: string }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await queue.enqueue(JSON.stringify(job));
      return;
    } catch (error) {
      // "not-applied": it is not there. "unknown": it may be, so that whoever takes jobs must know them by their id.
      if (outcomeOf(error) === undefined || attempt === 3) throw error;
    }
  }
}
// #endregion

await enqueueSurely({ id: crypto.randomUUID(), to: "edsger" });
const rest = await queue.tryDequeue();
if (rest !== undefined) send(rest);
console.log("anything left:", (await queue.tryDequeue()) !== undefined);

// Output:
// a mail to ada
// a mail to grace
// a mail to edsger
// anything left: false
