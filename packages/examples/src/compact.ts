// Dropping history. After etcd's ExampleKV_compact.
//
// This is for the whole cluster: nobody can read what it was before that revision any more. Values as they are now stay.
import { createEtcd, isEtcdError, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
const first = await kv.put("examples/compact/note", "first");
const second = await kv.put("examples/compact/note", "second");

// #region compact
await kv.compact(second.header.revision);

const current = await kv.get("examples/compact/note");
console.log("now:", current && utf8(current.value));
try {
  await kv.get("examples/compact/note", { revision: first.header.revision });
} catch (error) {
  if (!isEtcdError(error, "COMPACTED")) throw error;
  console.log("the past:", error.code);
}
// #endregion

await kv.delete({ prefix: "examples/compact/" });

// Output:
// now: second
// the past: COMPACTED
