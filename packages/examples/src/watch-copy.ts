// A copy of keys in memory that follows the store, whatever happens to the link.
import { createEtcd, isDelete, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, watcher } = etcd;
const prefix = "examples/watch-copy/";

await kv.put(`${prefix}color`, "red");
await kv.put(`${prefix}size`, "small");

// #region copy
const copy = new Map<string, string>();
let state: bigint | undefined;

const watch = watcher.watch({ prefix }, { initial: true, onCompacted: "resync" });
const following = (async () => {
  for await (const batch of watch) {
    if (batch.kind === "state") {
      // The first page of a state replaces all there was; its other pages have the same revision.
      if (batch.revision !== state) copy.clear();
      state = batch.last ? undefined : batch.revision;
      for (const { key, value } of batch.kvs) copy.set(utf8(key), utf8(value));
    } else if (batch.kind === "events") {
      for (const event of batch.events) {
        if (event.kv === undefined) continue;
        if (isDelete(event)) copy.delete(utf8(event.kv.key));
        else copy.set(utf8(event.kv.key), utf8(event.kv.value));
      }
      if (copy.has(`${prefix}end`)) break;
    }
  }
})();
// #endregion

await kv.put(`${prefix}size`, "large");
await kv.delete(`${prefix}color`);
await kv.put(`${prefix}end`, "yes");
await following;
console.log(Object.fromEntries([...copy].map(([key, value]) => [key.slice(prefix.length), value])));
await kv.delete({ prefix });

// Output:
// { size: 'large', end: 'yes' }
