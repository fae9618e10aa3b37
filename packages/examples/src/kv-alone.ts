// A Kv without the bundle.

// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const kv = createKv(connection);

await kv.put("kv-alone/greeting", "hello");
const { kvs } = await kv.range({ prefix: "kv-alone/" });
for (const { key, value } of kvs) console.log(utf8(key), utf8(value));
await kv.delete({ prefix: "kv-alone/" });

await connection.close();
// #endregion

// Output:
// kv-alone/greeting hello
