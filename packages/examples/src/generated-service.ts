// Calling what has no package of its own yet: every service of etcd is generated and ready for Connect's createClient.
import { createClient } from "@connectrpc/connect";
import { lock } from "@etcdkit/core/protocol";
import { createEtcd, openLease, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region service
// The connection's transport balances, logs in, keeps deadlines and repeats reads, as for calls of a Kv.
const locks = createClient(lock.Lock, etcd.connection.transport);

// etcd's own lock lives as long as the lease that it is bound to.
await using lease = await openLease(etcd.leases, { ttlSeconds: 10 });
const name = new TextEncoder().encode("examples/generated-service");
const { key } = await locks.lock({ name, lease: lease.id }, { timeoutMs: 5_000 });
console.log(utf8(key).startsWith("examples/generated-service/"));
await locks.unlock({ key });
// #endregion

// Output:
// true
