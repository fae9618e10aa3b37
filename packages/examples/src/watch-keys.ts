// Watching one key, a prefix and a range. Upstream: ExampleWatcher_watch, _watchWithPrefix, _watchWithRange.
import { createEtcd, type Event, isCreate, isDelete, utf8, type Watch } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, watcher } = etcd;
const prefix = "examples/watch-keys/";

function describe(event: Event): string {
  const { kv: pair } = event;
  if (pair === undefined) return "nothing";
  const name = utf8(pair.key).slice(prefix.length);
  if (isDelete(event)) return `${name} is gone`;
  return `${name} ${isCreate(event) ? "is new" : "is now"}: ${utf8(pair.value)}`;
}

// #region watch
const one = watcher.watch(`${prefix}b`);
const all = watcher.watch({ prefix });
const some = watcher.watch({ from: `${prefix}a`, to: `${prefix}c` }, { events: "puts" });
// #endregion

// #region read
/** Prints the next events of a watch, so many of them, and ends it. */
async function print(title: string, watch: Watch, count: number): Promise<void> {
  let left = count;
  for await (const batch of watch) {
    if (batch.kind !== "events") continue;
    for (const event of batch.events) {
      console.log(`${title}: ${describe(event)}`);
      left -= 1;
    }
    if (left === 0) break;
  }
}
// #endregion

await Promise.all([one.created, all.created, some.created]);
await kv.put(`${prefix}a`, "1");
await kv.put(`${prefix}b`, "2");
await kv.put(`${prefix}b`, "3");
await kv.put(`${prefix}c`, "4");
await kv.delete({ prefix });

await print("one", one, 3);
await print("some", some, 3);
await print("all", all, 7);

// Output:
// one: b is new: 2
// one: b is now: 3
// one: b is gone
// some: a is new: 1
// some: b is new: 2
// some: b is now: 3
// all: a is new: 1
// all: b is new: 2
// all: b is now: 3
// all: c is new: 4
// all: a is gone
// all: b is gone
// all: c is gone
