// A verified server and a client certificate. After etcd's ExampleConfig_withTLS.
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region tls
// Files are read anew for each connection: a renewed certificate needs no restart.
await using etcd = createEtcd({
  endpoints, // https://…
  tls: {
    caFile: process.env["ETCD_CA_FILE"], // left out: Node's authorities
    certFile: process.env["ETCD_CERT_FILE"], // left out: no client certificate
    keyFile: process.env["ETCD_KEY_FILE"],
  },
});
// #endregion

await etcd.kv.put("examples/tls", "sealed");
console.log((await etcd.kv.delete("examples/tls")).deleted, "key, sent encrypted");

// Output:
// 1 key, sent encrypted
