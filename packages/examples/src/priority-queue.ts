// Urgent jobs overtake others.
import { createEtcd, createPriorityQueue, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region priority-queue
const queue = createPriorityQueue(etcd, "examples/priority-queue/tickets");
await queue.enqueue("the logo is crooked", 500);
await queue.enqueue("the site is down", 0);
await queue.enqueue("the font is too small", 500);

for (let i = 0; i < 3; i++) console.log(utf8(await queue.dequeue()));
// #endregion

// What remains of every priority is one empty key.
const bookkeeping = await etcd.kv.delete({ prefix: "__examples/priority-queue/tickets/" });
console.log("bookkeeping keys:", bookkeeping.deleted);

// Output:
// the site is down
// the logo is crooked
// the font is too small
// bookkeeping keys: 2
