// The whole client over another transport: connect-node's, which uses Node's own HTTP/2.
import { createConnectNodeTransport } from "@etcdkit/transport/connect-node";
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region choice
await using etcd = createEtcd({
  endpoints,
  transport: (endpoint) => createConnectNodeTransport({ endpoint }),
});
// #endregion

await etcd.kv.put("examples/transport-choice/greeting", "hello");
const found = await etcd.kv.get("examples/transport-choice/greeting");
console.log(found && utf8(found.value));
await etcd.kv.delete({ prefix: "examples/transport-choice/" });

// Output:
// hello
