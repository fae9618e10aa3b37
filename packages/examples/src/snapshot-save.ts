// Backing a cluster up to a file, and looking at what is in it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
// #region save
import { saveSnapshot, snapshotStatus } from "@etcdkit/snapshot";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await etcd.kv.put("examples/snapshot", "precious");
const folder = await mkdtemp(join(tmpdir(), "etcdkit-"));
const file = join(folder, "backup.db");

const [endpoint] = etcd.connection.endpoints();
let percent = 0;
const saved = await saveSnapshot(etcd.maintenance, file, {
  endpoint,
  onProgress: ({ receivedBytes, sizeBytes }) => {
    percent = Math.floor((100 * receivedBytes) / sizeBytes);
  },
});
console.log(percent, "% saved:", saved.sizeBytes > 10_000);
// #endregion

// #region status
const status = await snapshotStatus(file);
console.log("whole:", status.digest === "verified", "- keys:", status.totalKeys);
// #endregion

const { header } = await etcd.kv.delete("examples/snapshot");
console.log("of the revision before the deletion:", status.revision === header.revision - 1n);
await rm(folder, { recursive: true });

// Output:
// 100 % saved: true
// whole: true - keys: 1
// of the revision before the deletion: true
