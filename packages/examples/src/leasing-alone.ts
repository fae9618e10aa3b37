// Reads from memory that are as good as reads from the server, without the bundle.

// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { openLeasingKv } from "@etcdkit/leasing";
import { createWatcher } from "@etcdkit/watch";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const services = {
  kv: createKv(connection),
  leases: createLeases(connection),
  watcher: createWatcher(connection),
};
const kv = await openLeasingKv(services, "leasing/");

await kv.put("leasing-alone/rate", "100");
for (let i = 0; i < 1_000; i++) await kv.get("leasing-alone/rate"); // the first one asks the server
await kv.put("leasing-alone/rate", "200");
const rate = await kv.get("leasing-alone/rate"); // from memory, and new
console.log("rate", rate && utf8(rate.value));

const { hits, misses } = kv.stats();
console.log(hits, "from memory,", misses, "from the server");

await kv.delete("leasing-alone/rate");
await kv.close();
await connection.close();
// #endregion

// Output:
// rate 200
// 1000 from memory, 1 from the server
