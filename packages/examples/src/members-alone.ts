// The members of a cluster, without the bundle.

// #region program
import { createCluster } from "@etcdkit/cluster";
import { connect } from "@etcdkit/core";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const cluster = createCluster(connection);

const { members } = await cluster.list();
for (const { name, isLearner } of members) console.log(name, isLearner ? "learns" : "votes");

await connection.close();
// #endregion

// Output:
// m1 votes
