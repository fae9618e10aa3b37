// A mirror between two clusters that tells of its progress, is stopped, and goes on where it was.
import { mirrorTo } from "@etcdkit/mirror";
import { createEtcd, op, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using here = createEtcd({ endpoints });
await using there = createEtcd({ endpoints: process.env["ETCD_MIRROR_ENDPOINTS"] || endpoints });
const prefix = "examples/mirror/";
const destinationPrefix = "examples/mirrored/";
const checkpointKey = "examples/mirrors/settings";

for (const key of ["color", "shape", "size"]) await here.kv.put(`${prefix}${key}`, "unknown");

// #region progress
/** Mirrors until the copy is at a revision of the source, and tells of it meanwhile. */
async function mirrorUpTo(revision: bigint): Promise<void> {
  const { kv, watcher } = here;
  const options = { prefix, destinationPrefix, checkpointKey };
  for await (const progress of mirrorTo({ kv, watcher }, there, options)) {
    switch (progress.kind) {
      case "base":
        console.log(`${progress.reason} copy: ${progress.keys} keys${progress.done ? ", complete" : ""}`);
        break;
      case "resumed":
        console.log("goes on from its checkpoint");
        break;
      case "updates":
        console.log(
          `${progress.totals.puts} put, ${progress.totals.deletes} deleted, ${progress.lag} behind`,
        );
        break;
      case "waiting":
        console.warn(`the destination fails for the ${progress.failures}th time: ${progress.error.message}`);
        continue;
    }
    if (progress.revision >= revision) break;
  }
}
// #endregion

const [first] = (await here.kv.range({ prefix }, { last: "modified" })).kvs;
await mirrorUpTo(first?.modRevision ?? 0n);

// #region later
// Nobody mirrors meanwhile. Both changes are of one revision, and become one transaction there.
const { header } = await here.kv.txn({
  success: [op.put(`${prefix}color`, "red"), op.delete(`${prefix}shape`)],
});
await mirrorUpTo(header.revision);
// #endregion

for (const { key, value } of (await there.kv.range({ prefix: destinationPrefix })).kvs) {
  console.log(utf8(key), "is", utf8(value));
}
await here.kv.delete({ prefix });
await there.kv.delete({ prefix: destinationPrefix });
await there.kv.delete(checkpointKey);

// Output:
// first copy: 3 keys, complete
// goes on from its checkpoint
// 1 put, 1 deleted, 0 behind
// examples/mirrored/color is red
// examples/mirrored/size is unknown
