// A queue without the bundle: two programs in one.

// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createQueue } from "@etcdkit/recipes";
import { createWatcher } from "@etcdkit/watch";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const services = { kv: createKv(connection), watcher: createWatcher(connection) };

// Whoever names the same prefix has the same queue, on whichever machine, in TypeScript or Go.
const queue = createQueue(services, "queue-alone/jobs");
const next = queue.dequeue(); // waits
await queue.enqueue("resize photo 17");
console.log(utf8(await next));

await connection.close();
// #endregion

// Output:
// resize photo 17
