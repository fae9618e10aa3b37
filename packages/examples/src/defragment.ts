// Giving free space back to the file system. After etcd's ExampleMaintenance_defragment.
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, maintenance } = etcd;
await kv.put("examples/defragment", new Uint8Array(1_000_000));
const { header } = await kv.delete("examples/defragment");

// #region defragment
// Deleted keys live on in the history until it is compacted; what is then free stays in the file until it is rewritten.
await kv.compact(header.revision, { physical: true });

// One member after the other: each serves nobody while it is at work.
for (const endpoint of etcd.connection.endpoints()) {
  await maintenance.defragment(endpoint);
  const { dbSizeBytes } = await maintenance.status(endpoint);
  console.log("less than a megabyte:", dbSizeBytes < 1_000_000);
}
// #endregion

// Output:
// less than a megabyte: true
