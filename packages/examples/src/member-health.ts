// Asking one member whether it serves, as a load balancer would.
import { createHealth } from "@etcdkit/maintenance";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region health
const health = createHealth(etcd.connection);
const [endpoint = ""] = etcd.connection.endpoints();
console.log(await health.check(endpoint));

for await (const status of health.watch(endpoint)) {
  console.log("now:", status);
  break; // ends the request
}
// #endregion

// Output:
// serving
// now: serving
