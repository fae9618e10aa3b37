// Reading the keys with a prefix in another order, or only the first or last of them. After etcd's ExampleKV_getSortedPrefix.
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
for (const [name, price] of [
  ["apple", "3"],
  ["banana", "1"],
  ["cherry", "2"],
] as const) {
  await kv.put(`examples/sorted-prefix/${name}`, price);
}

// #region sort
const range = { prefix: "examples/sorted-prefix/" };

const byKey = await kv.range(range, { sort: { by: "key", order: "descending" } });
for (const { key, value } of byKey.kvs) console.log(utf8(key), utf8(value));

const cheapest = await kv.range(range, { sort: { by: "value" }, limit: 1 });
for (const { key } of cheapest.kvs) console.log("cheapest:", utf8(key));

// `first` and `last` choose one key by its name, its creation or its last write.
const newest = await kv.range(range, { last: "modified" });
for (const { key } of newest.kvs) console.log("written last:", utf8(key));
// #endregion

await kv.delete(range);

// Output:
// examples/sorted-prefix/cherry 2
// examples/sorted-prefix/banana 1
// examples/sorted-prefix/apple 3
// cheapest: examples/sorted-prefix/banana
// written last: examples/sorted-prefix/cherry
