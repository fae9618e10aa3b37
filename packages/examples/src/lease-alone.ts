// Leases without the bundle: a key that lives as long as this program does.

// #region program
import { connect, utf8 } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases, openLease } from "@etcdkit/lease";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const kv = createKv(connection);
const leases = createLeases(connection);

// Granted, kept alive, and revoked in the end. Should the program die, etcd deletes the key within ten seconds.
const lease = await openLease(leases, { ttlSeconds: 10 });
await kv.put("lease-alone/worker", "here", { leaseId: lease.id });
const found = await kv.get("lease-alone/worker");
console.log("the worker is", found && utf8(found.value));

await lease.close();
console.log("after close:", await kv.get("lease-alone/worker"));

await connection.close();
// #endregion

// Output:
// the worker is here
// after close: undefined
