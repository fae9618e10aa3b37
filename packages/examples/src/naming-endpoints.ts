// Managing the endpoints of a service by hand. Upstream: the example of client/v3/naming.
import { createEndpointManager, type EndpointUpdate } from "@etcdkit/naming";
import { createEtcd, openLease } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const target = "examples/naming-endpoints";

// #region manage
const manager = createEndpointManager(etcd, target);

// Stays until somebody deletes it.
await manager.add(`${target}/a`, { address: "10.0.0.1:80" });

// Is gone when the lease ends: here, with the block. A session's `leaseId` does as well.
{
  await using lease = await openLease(etcd.leases, { ttlSeconds: 10 });
  await manager.add(`${target}/b`, { address: "10.0.0.2:80" }, { leaseId: lease.id });
  console.log([...(await manager.list({ serializable: false })).keys()].join());
}

// All in one transaction: whoever watches gets it in one batch.
await manager.update([
  { type: "delete", key: `${target}/a` },
  { type: "add", key: `${target}/c`, endpoint: { address: "10.0.0.3:80" } },
]);
// #endregion

// #region watch
function describe(update: EndpointUpdate): string {
  return update.type === "add" ? `${update.key} is at ${update.endpoint.address}` : `${update.key} is gone`;
}

// First what there is, then every change.
for await (const batch of manager.watch()) {
  console.log(batch.map(describe).join(", "));
  if (batch.some(({ type }) => type === "delete")) break;
  await manager.delete(`${target}/c`);
}
// #endregion

// Output:
// examples/naming-endpoints/a,examples/naming-endpoints/b
// examples/naming-endpoints/c is at 10.0.0.3:80
// examples/naming-endpoints/c is gone
