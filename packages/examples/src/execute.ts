// Operations as data. After etcd's ExampleKV_do.
import { createEtcd, type Op, op, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;

// #region execute
const key = "examples/execute/level";
const plan: readonly Op[] = [op.put(key, "low"), op.range(key), op.put(key, "high", { prevKv: true })];
for (const step of plan) {
  await kv.execute(step);
  console.log(step.type, "done");
}

// Of a single operation, the type of the answer is known.
const { kvs } = await kv.execute(op.range(key));
console.log(kvs.map((pair) => utf8(pair.value)).join());
// #endregion

await kv.delete(key);

// Output:
// put done
// range done
// put done
// high
