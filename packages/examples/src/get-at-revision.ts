// Reading the past. After etcd's ExampleKV_getWithRev.
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;

// #region revision
const first = await kv.put("examples/get-at-revision/stage", "planned");
await kv.put("examples/get-at-revision/stage", "built");

// Every write has a revision, a bigint. Leave `revision` out to read the newest; 0n does not stand for it.
const then = await kv.get("examples/get-at-revision/stage", { revision: first.header.revision });
const now = await kv.get("examples/get-at-revision/stage");
console.log("then:", then && utf8(then.value));
console.log("now:", now && utf8(now.value));
// #endregion

await kv.delete({ prefix: "examples/get-at-revision/" });

// Output:
// then: planned
// now: built
