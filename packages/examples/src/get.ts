// Reading keys. After etcd's ExampleKV_get.
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
await kv.put("examples/get/color", "blue");
await kv.put("examples/get/shape", "round");

// #region get
// One key: the pair, or `undefined`. Keys and values come out as bytes.
const color = await kv.get("examples/get/color");
if (color !== undefined) console.log(utf8(color.key), "is", utf8(color.value), "in version", color.version);

// A key that does not exist is an answer, not an error.
console.log(await kv.get("examples/get/weight"));

// Many keys in one answer.
const { kvs, count } = await kv.range({ prefix: "examples/get/" });
console.log(count, "keys:", kvs.map((pair) => utf8(pair.value)).join(", "));
// #endregion

// #region absence
// `range` on one key also tells at which revision of the store the key did not exist.
const absence = await kv.range("examples/get/weight");
console.log(absence.count, absence.header.revision > 0n);
// #endregion

await kv.delete({ prefix: "examples/get/" });

// Output:
// examples/get/color is blue in version 1n
// undefined
// 2 keys: blue, round
// 0 true
