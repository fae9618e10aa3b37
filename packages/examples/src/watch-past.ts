// Watching from a revision of the past on, and what a compaction does to that.
import { CompactedError, createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, watcher } = etcd;
const key = "examples/watch-past/mode";

const { header } = await kv.put(key, "day");
await kv.put(key, "dusk");
await kv.put(key, "night");

// #region past
for await (const batch of watcher.watch(key, { startRevision: header.revision + 1n, prevKv: true })) {
  if (batch.kind !== "events") continue;
  for (const { kv: now, prevKv: before } of batch.events) {
    console.log(before && utf8(before.value), "->", now && utf8(now.value));
  }
  if (batch.revision >= header.revision + 2n) break;
}
// #endregion

const last = await kv.delete(key);
await kv.compact(last.header.revision);

// #region compacted
try {
  for await (const batch of watcher.watch(key, { startRevision: header.revision })) console.log(batch.kind);
} catch (error) {
  if (!(error instanceof CompactedError)) throw error;
  console.log(
    "too old; what is left begins at the deletion:",
    error.compactRevision === last.header.revision,
  );
}
// #endregion

// Output:
// day -> dusk
// dusk -> night
// too old; what is left begins at the deletion: true
