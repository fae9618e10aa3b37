// Many tenants in one cluster: each program sees the keys of its own tenant and no others.
import { createMutex, openSession, withLock } from "@etcdkit/concurrency";
import type { Kv } from "@etcdkit/core";
import { withNamespace } from "@etcdkit/namespace";
import { createEtcd, type Etcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

const etcd = createEtcd({ endpoints });

// #region tenants
/** The services of one tenant. The separator at the end keeps `acme` and `acme2` apart. */
function tenantOf(etcd: Etcd, name: string) {
  const { kv, watcher, leases } = etcd;
  return withNamespace({ kv, watcher, leases }, `tenants/${name}/`);
}

const acme = tenantOf(etcd, "acme");
const globex = tenantOf(etcd, "globex");

// The same program for both, and it knows of no prefix.
async function order(kv: Kv, what: string): Promise<void> {
  await kv.put("orders/1", what);
}
await order(acme.kv, "anvils");
await order(globex.kv, "zeppelins");

for (const { kv } of [acme, globex]) {
  const { kvs, count } = await kv.range({ prefix: "" });
  console.log(count, "key:", kvs.map(({ key, value }) => `${utf8(key)} ${utf8(value)}`).join());
}
// #endregion

// #region watch
await using watch = globex.watcher.watch({ prefix: "orders/" });
await watch.created;
await order(acme.kv, "rockets"); // not globex's business
await order(globex.kv, "death rays");
for await (const batch of watch) {
  if (batch.kind !== "events") continue;
  for (const { kv: pair } of batch.events) console.log(pair && utf8(pair.key), pair && utf8(pair.value));
  break;
}
// #endregion

// #region locks
// What is built on the services works inside: the lock "import" of one tenant is not that of another.
const sessions = await Promise.all([acme, globex].map((tenant) => openSession(tenant, { ttlSeconds: 10 })));
const [ofAcme, ofGlobex] = sessions.map((session) => createMutex(session, "import"));
if (ofAcme !== undefined && ofGlobex !== undefined) {
  await withLock(ofAcme, () => withLock(ofGlobex, async () => console.log("both import at once")));
}
for (const session of sessions) await session.close();
// #endregion

// #region permission
// A namespace keeps programs apart that mean well. To keep out those that do not, give each tenant a user that may do
// nothing outside its prefix, and log its programs in as that user.
const { roles, users } = etcd.auth;
await roles.add("tenant-acme");
await roles.grantPermission("tenant-acme", "readwrite", { prefix: "tenants/acme/" });
await users.add("acme", { password: "acme's secret" });
await users.grantRole("acme", "tenant-acme");
// #endregion
console.log((await users.get("acme")).roles.join());

await users.delete("acme");
await roles.delete("tenant-acme");

// #region empty
// From the first key on: all of the tenant, and of nobody else.
await acme.kv.delete({ from: "\0" });
console.log((await globex.kv.range({ prefix: "" }, { countOnly: true })).count, "key left at globex");
// #endregion

await globex.kv.delete({ from: "\0" });
await etcd.close();

// Output:
// 1 key: orders/1 anvils
// 1 key: orders/1 zeppelins
// orders/1 death rays
// both import at once
// tenant-acme
// 1 key left at globex
