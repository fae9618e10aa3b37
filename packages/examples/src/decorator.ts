// A Kv around another: whatever is called on it passes through one function.
import { createEtcd, type Kv, type KvExecutor, kvFrom, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region decorator
/** Counts what is asked of a store, by kind. */
function counted(inner: KvExecutor, counts: Map<string, number>): Kv {
  return kvFrom({
    async execute(op, call) {
      counts.set(op.type, (counts.get(op.type) ?? 0) + 1);
      return await inner.execute(op, call);
    },
  });
}
// #endregion

const counts = new Map<string, number>();
const kv = counted(etcd.kv, counts);
await kv.put("examples/decorator/key", "value");
const found = await kv.get("examples/decorator/key");
console.log(found && utf8(found.value));
for await (const page of kv.scan({ prefix: "examples/decorator/" })) console.log("page of", page.length);
await kv.delete({ prefix: "examples/decorator/" });
console.log(Object.fromEntries(counts));

// Output:
// value
// page of 1
// { put: 1, range: 2, delete: 1 }
