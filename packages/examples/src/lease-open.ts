// A lease with the scope of a block.
import { createEtcd, openLease } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region open
{
  await using lease = await openLease(etcd.leases, { ttlSeconds: 10 });
  await etcd.kv.put("examples/lease-open/service", "10.0.0.7:80", { leaseId: lease.id });
  lease.signal.addEventListener("abort", () => console.log("serve no longer"));
  console.log("registered:", lease.isHeld());
} // revoked here, and its keys with it
// #endregion

console.log("registered:", (await etcd.kv.get("examples/lease-open/service")) !== undefined);

// Output:
// registered: true
// serve no longer
// registered: false
