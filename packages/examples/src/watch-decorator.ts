// A Watcher around another: whatever is watched through it passes through one function.
import { createEtcd, mapWatch, utf8, type Watcher, type WatchOpener, watcherFrom } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, watcher } = etcd;

// #region decorator
/** Leaves the values out of what watches deliver, for readers that are not to see them. */
function withoutValues(inner: WatchOpener): Watcher {
  const value = new Uint8Array();
  return watcherFrom({
    open: (request, call) =>
      mapWatch(inner.open(request, call), (batch) => {
        if (batch.kind !== "events") return batch;
        const events = batch.events.map((event) =>
          event.kv === undefined ? event : { ...event, kv: { ...event.kv, value }, prevKv: undefined },
        );
        return { ...batch, events };
      }),
  });
}
// #endregion

const watch = withoutValues(watcher).watch("examples/watch-decorator/key");
await watch.created;
await kv.put("examples/watch-decorator/key", "secret");
for await (const batch of watch) {
  if (batch.kind !== "events") continue;
  for (const { kv: pair } of batch.events) console.log(pair && utf8(pair.key), pair?.value.length);
  break;
}
await kv.delete("examples/watch-decorator/key");

// Output:
// examples/watch-decorator/key 0
