// Comparing members: the same revision has the same hash everywhere, or data is corrupt.
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { header } = await etcd.kv.put("examples/hashes", "x");

// #region hashes
const { revision } = header;
const hashes = new Set<number>();
for (const endpoint of etcd.connection.endpoints()) {
  const { hash } = await etcd.maintenance.hashKv(endpoint, { revision });
  hashes.add(hash);
}
console.log("agree:", hashes.size === 1);
// #endregion

await etcd.kv.delete("examples/hashes");

// Output:
// agree: true
