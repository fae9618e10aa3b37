// The smallest program that does something. After etcd's ExampleConfig_insecure.

// #region program
import { createEtcd, utf8 } from "etcdkit";

const etcd = createEtcd({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });

await etcd.kv.put("first-program/greeting", "hello");
const found = await etcd.kv.get("first-program/greeting");
console.log(found === undefined ? "nothing there" : utf8(found.value));
await etcd.kv.delete("first-program/greeting");

await etcd.close();
// #endregion

// Output:
// hello
