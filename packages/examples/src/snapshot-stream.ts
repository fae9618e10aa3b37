// Backing a cluster up to wherever bytes can go, without a file in between.
import { createHash } from "node:crypto";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const upload = createHash("sha256");

// #region stream
await using snapshot = await etcd.maintenance.snapshot();
for await (const chunk of snapshot) {
  upload.update(chunk); // whatever takes bytes; the member waits for whoever is slow
}
// Only here it is known to be whole: a snapshot that lacks a byte makes the loop throw.
console.log("bytes:", snapshot.receivedBytes === snapshot.sizeBytes, "digest:", snapshot.digest?.length);
// #endregion

// Output:
// bytes: true digest: 32
