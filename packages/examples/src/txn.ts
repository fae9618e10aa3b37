// Comparing and writing in one step. After etcd's ExampleKV_txn.
import { compare, createEtcd, op, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
const key = "examples/txn/owner";
await kv.put(key, "ann");

// #region txn
const swap = await kv.txn({
  compare: [compare.value(key).equals("ann")],
  success: [op.put(key, "bob"), op.range(key)],
  failure: [op.range(key)],
});
if (swap.succeeded) {
  // Answers have the types of their operations: here a PutResult and a RangeResult.
  const [put, range] = swap.responses;
  console.log(
    "swapped, written at the transaction's revision:",
    put.header.revision === swap.header.revision,
  );
  console.log(range.kvs.map((pair) => utf8(pair.value)).join());
}

// A compare that does not hold is an answer, not an error.
const again = await kv.txn({
  compare: [compare.value(key).equals("ann")],
  success: [op.put(key, "carl")],
  failure: [op.range(key)],
});
if (!again.succeeded) console.log("still", again.responses[0].kvs.map((pair) => utf8(pair.value)).join());
// #endregion

// A transaction may hold others. Values are compared as bytes: "bob" > "abc".
const nested = await kv.txn({
  compare: [compare.value(key).greaterThan("abc")],
  success: [op.txn({ compare: [compare.exists("examples/txn/none")], failure: [op.put(key, "BOB")] })],
});
if (nested.succeeded) console.log("inner compare held:", nested.responses[0].succeeded);
const last = await kv.get(key);
console.log(last && utf8(last.value));

await kv.delete({ prefix: "examples/txn/" });

// Output:
// swapped, written at the transaction's revision: true
// bob
// still bob
// inner compare held: false
// BOB
