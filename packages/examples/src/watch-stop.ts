// The ways to end a watch.
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { watcher } = etcd;
const key = "examples/watch-stop/key";

// #region stop
// `close` from elsewhere: the loop ends as if there were no more events.
const closed = watcher.watch(key);
void closed.created.then(() => closed.close());
for await (const batch of closed) console.log(batch.kind);
console.log("closed");

// A signal: the loop throws its reason.
const controller = new AbortController();
const aborted = watcher.watch(key, { signal: controller.signal });
void aborted.created.then(() => controller.abort(new Error("enough")));
try {
  for await (const batch of aborted) console.log(batch.kind);
} catch (reason) {
  console.log("aborted:", (reason as Error).message);
}

// The end of a scope: `await using`.
{
  await using scoped = watcher.watch(key);
  await scoped.created;
}
console.log("left");
// #endregion

// Output:
// closed
// aborted: enough
// left
