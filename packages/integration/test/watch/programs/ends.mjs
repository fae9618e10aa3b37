// Ends its watch in the way that it is told to, and leaves the rest to Node.
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";

const [endpoint, way] = process.argv.slice(2);
const connection = connect({ endpoints: endpoint });
const watcher = createWatcher(connection);
const controller = new AbortController();
const watch = watcher.watch("ends", { signal: controller.signal });
await watch.created;
switch (way) {
  case "close of the watch":
    await watch.close();
    break;
  case "close of the watcher":
    await watcher.close();
    break;
  case "close of the connection":
    await connection.close();
    break;
  case "abort":
    // Nobody reads the watch, and so nobody is told the reason.
    controller.abort(new Error("enough"));
    break;
  case "break":
    await createKv(connection).put("ends", "");
    for await (const _ of watch) break;
    break;
}
console.log("done");
