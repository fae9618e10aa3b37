// Calling what has no package of its own yet: every service of etcd is generated and ready for Connect's createClient.
import { createClient } from "@connectrpc/connect";
import { Cluster, Maintenance } from "@etcdkit/core/protocol";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region service
// The connection's transport balances, logs in, keeps deadlines and repeats reads, as for calls of a Kv.
const cluster = createClient(Cluster, etcd.connection.transport);
const { members } = await cluster.memberList({ linearizable: true });
console.log(members.every((member) => member.ID !== 0n));

// What a member says about itself has to be asked of that member.
for (const endpoint of etcd.connection.endpoints()) {
  const maintenance = createClient(Maintenance, etcd.connection.endpoint(endpoint));
  const { version, leader } = await maintenance.status({});
  console.log(/^3\.\d+\.\d+/.test(version), leader !== 0n);
}
// #endregion

// Output:
// true
// true true
