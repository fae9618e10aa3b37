// A lease with the scope of a block.
import { adoptLease, createEtcd, openLease } from "etcdkit";
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

// #region adopt
const handedOver = await openLease(etcd.leases, { ttlSeconds: 10 });
await handedOver.leave(); // stops renewing, and revokes nothing

const adopted = await adoptLease(etcd.leases, handedOver.id); // in the program that takes over
console.log("adopted:", adopted.isHeld());
await adopted.close();
// #endregion

// Output:
// registered: true
// serve no longer
// registered: false
// adopted: true
