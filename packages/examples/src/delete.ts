// Deleting keys. After etcd's ExampleKV_delete.
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
for (const name of ["a", "b", "c"]) await kv.put(`examples/delete/${name}`, name);

// #region delete
const one = await kv.delete("examples/delete/a", { prevKv: true });
console.log("deleted", one.deleted, "key, which was", one.prevKvs.map((pair) => utf8(pair.value)).join());

const range = { prefix: "examples/delete/" };
const before = await kv.range(range, { countOnly: true });
const { deleted } = await kv.delete(range);
console.log("deleted all:", deleted === before.count);

// An empty prefix would be every key there is. Whoever means that says { from: "\0" }.
await kv.delete({ prefix: "" }).catch((error: unknown) => console.log(error instanceof TypeError));
// #endregion

// Output:
// deleted 1 key, which was a
// deleted all: true
// true
