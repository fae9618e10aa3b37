// A namespace without the bundle.

// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { namespaceKv } from "@etcdkit/namespace";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const kv = createKv(connection);
const own = namespaceKv(kv, "namespace-alone/");

await own.put("greeting", "hello");
const { kvs } = await own.range({ prefix: "" }); // all that is in the namespace
for (const { key, value } of kvs) console.log(utf8(key), utf8(value));

const found = await kv.get("namespace-alone/greeting"); // the same, from outside
console.log(found && utf8(found.key));

await own.delete({ from: "\0" }); // empties the namespace, and nothing else
await connection.close();
// #endregion

// Output:
// greeting hello
// namespace-alone/greeting
