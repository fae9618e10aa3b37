// Upstream's examples of leases: grant, revoke, keep alive once, time to live.
import { createEtcd, isEtcdError, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv, leases } = etcd;

// #region grant
const { id, ttlSeconds } = await leases.grant(30);
console.log("granted for", ttlSeconds, "seconds");

// The key is deleted when the lease ends.
await kv.put("examples/lease/key", "value", { leaseId: id });
// #endregion

// #region own-id
// With an id of one's own a grant can be repeated until it is answered, and makes one lease all the same.
const ownId = crypto.getRandomValues(new BigInt64Array(1))[0] ?? 1n;
const own = await leases.grant(30, { id: ownId });
console.log("has the id that was asked for:", own.id === ownId);
// #endregion

// #region time-to-live
const standing = await leases.timeToLive(id, { keys: true });
if (standing !== undefined) {
  console.log("granted", standing.grantedTtlSeconds, "with", standing.keys.map(utf8).join());
}
const { ids } = await leases.list();
console.log("is in the list:", ids.includes(id));
// #endregion

// #region once
const renewal = await leases.keepAliveOnce(id);
console.log("renewed for", renewal.ttlSeconds, "seconds");
// #endregion

// #region revoke
await leases.revoke(id);
console.log("the key:", await kv.get("examples/lease/key"));
console.log("the lease:", await leases.timeToLive(id));
try {
  await leases.keepAliveOnce(id);
} catch (error) {
  if (isEtcdError(error, "LEASE_NOT_FOUND")) console.log("there is nothing to renew any more");
}
// #endregion
await leases.revoke(own.id);

// Output:
// granted for 30 seconds
// has the id that was asked for: true
// granted 30 with examples/lease/key
// is in the list: true
// renewed for 30 seconds
// the key: undefined
// the lease: undefined
// there is nothing to renew any more
