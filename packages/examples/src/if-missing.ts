// Creating a key only if it is new, deleting it only if it is there. After etcd's ExampleKeyMissing and ExampleKeyExists.
import { compare, createEtcd, op } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
const key = "examples/if-missing/ticket";
await kv.delete(key);

// #region missing
for (const name of ["ann", "bob"]) {
  const { succeeded } = await kv.txn({
    compare: [compare.missing(key)],
    success: [op.put(key, name)],
  });
  console.log(name, succeeded ? "has the ticket" : "came too late");
}
// #endregion

for (let turn = 1; turn <= 2; turn++) {
  const { succeeded } = await kv.txn({ compare: [compare.exists(key)], success: [op.delete(key)] });
  console.log(succeeded ? "given back" : "there was none");
}

// Output:
// ann has the ticket
// bob came too late
// given back
// there was none
