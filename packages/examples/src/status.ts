// What members say of themselves. After etcd's ExampleMaintenance_status.
// #region status
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

for (const endpoint of etcd.connection.endpoints()) {
  const status = await etcd.maintenance.status(endpoint);
  const { isLeader, leaderId, dbSizeBytes, dbSizeInUseBytes, errors } = status;
  console.log(isLeader ? "leads" : `follows ${leaderId?.toString(16) ?? "nobody"}`);
  console.log("space to win back:", dbSizeBytes >= dbSizeInUseBytes, "- troubles:", errors.length);
}
// #endregion

// #region supports
if (await etcd.maintenance.supports("gzip")) console.log("takes compressed requests");
// #endregion

// Output:
// leads
// space to win back: true - troubles: 0
// takes compressed requests
