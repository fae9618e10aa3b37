// Reading more keys than one answer should hold.
import { createEtcd, op } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
const prefix = "examples/scan/";
for (let start = 0; start < 2_500; start += 100) {
  const success = Array.from({ length: 100 }, (_, i) => op.put(`${prefix}${start + i}`, "x"));
  await kv.txn({ success });
}

// #region scan
let keys = 0;
for await (const page of kv.scan({ prefix })) {
  keys += page.length;
  // What is written meanwhile does not show: all pages are of one revision.
  if (keys === page.length) await kv.put(`${prefix}late`, "x");
}
console.log(keys, "keys");

// Leaving the loop ends the request.
for await (const page of kv.scan({ prefix }, { keysOnly: true, pageSize: 100 })) {
  console.log("first page:", page.length);
  break;
}
// #endregion

await kv.delete({ prefix });

// Output:
// 2500 keys
// first page: 100
