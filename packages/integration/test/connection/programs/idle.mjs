// Uses a connection and leaves it open: the process is to end by itself all the same.
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";

const [endpoints = ""] = process.argv.slice(2);
const connection = connect({ endpoints, healthCheck: true, autoSyncIntervalMs: 1_000 });
const kv = createKv(connection);
await kv.put("idle", "value");
for await (const page of kv.scan({ prefix: "idle" })) console.log(`read ${page.length}`);
console.log("done");
