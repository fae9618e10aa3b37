// Knowing how far a watch is, though nothing happens to its keys. Upstream: ExampleWatcher_watchWithProgressNotify.
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, watcher } = etcd;

// #region progress
const watch = watcher.watch("examples/watch-progress/quiet");
await watch.created;
const { header } = await kv.put("examples/watch-progress/other", "");

// Every event up to this revision has arrived: there was none.
const revision = await watch.requestProgress();
console.log("up to date:", revision >= header.revision);

for await (const batch of watch) {
  console.log(batch.kind, batch.revision === revision);
  break;
}
// #endregion

await kv.delete("examples/watch-progress/other");

// Output:
// up to date: true
// progress true
