// A mirror by itself, without the bundle.
// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { mirrorTo } from "@etcdkit/mirror";
import { createWatcher } from "@etcdkit/watch";

const endpoints = process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379";
const from = connect({ endpoints });
const to = connect({ endpoints: process.env["ETCD_MIRROR_ENDPOINTS"] ?? endpoints });
const source = { kv: createKv(from), watcher: createWatcher(from) };
const destination = { kv: createKv(to) };

await source.kv.put("mirror-alone/greeting", "hello");

const options = { prefix: "mirror-alone/", destinationPrefix: "copy/", checkpointKey: "mirrors/alone" };
for await (const progress of mirrorTo(source, destination, options)) {
  // A mirror runs until it is left. This one has seen enough when all that there was is copied.
  if (progress.kind === "base" && progress.done) break;
}
const found = await destination.kv.get("copy/greeting");
console.log("the copy says", found && utf8(found.value));
// #endregion

await source.kv.delete({ prefix: "mirror-alone/" });
await destination.kv.delete({ prefix: "copy/" });
await destination.kv.delete("mirrors/alone");
await from.close();
await to.close();

// Output:
// the copy says hello
