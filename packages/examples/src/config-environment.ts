// Connecting to the cluster that the environment names.
import { createEtcdFromEnv } from "etcdkit";
import { endpoints } from "./endpoints.js";

// What a shell or a container would set.
process.env["ETCDCTL_ENDPOINTS"] = endpoints;
process.env["ETCDCTL_COMMAND_TIMEOUT"] = "5s";

{
  // #region etcd
  // ETCDCTL_ENDPOINTS, ETCDCTL_CACERT, ETCDCTL_USER and so on, as etcdctl reads them.
  await using etcd = createEtcdFromEnv();
  await etcd.kv.put("examples/config-environment", "works");
  // #endregion
  await etcd.kv.delete("examples/config-environment");
  console.log(etcd.connection.endpoints().length, "endpoint");
}

// Output:
// 1 endpoint
