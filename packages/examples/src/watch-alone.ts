// The watch service by itself, without the bundle.
// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const kv = createKv(connection);
const watcher = createWatcher(connection);

const watch = watcher.watch("watch-alone/greeting");
await watch.created; // what is written from now on will be seen
await kv.put("watch-alone/greeting", "hello");

for await (const batch of watch) {
  if (batch.kind !== "events") continue;
  for (const { kv: pair } of batch.events) console.log(pair && utf8(pair.value));
  break; // ends the watch
}

await kv.delete("watch-alone/greeting");
await connection.close();
// #endregion

// Output:
// hello
