// Passing over members that say that they do not serve, while they defragment for instance. After etcd's
// Example_grpcClientHealthCheck.
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region health
await using etcd = createEtcd({ endpoints, healthCheck: true });
// #endregion

await etcd.kv.put("examples/health-check", "fine");
console.log((await etcd.kv.delete("examples/health-check")).deleted, "key, by a member that serves");

// Output:
// 1 key, by a member that serves
