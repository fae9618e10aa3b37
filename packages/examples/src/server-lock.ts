// The lock service that every etcd server has, and a mutex that contends with it.
import { createEtcd, createLockService, createMutex, openSession } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await using session = await openSession(etcd);

// #region service
const service = createLockService(etcd.connection);
const { id: leaseId } = await etcd.leases.grant(30);

const { key } = await service.lock("examples/server-lock", { leaseId });
console.log("free:", (await createMutex(session, "examples/server-lock").tryLock()) !== undefined);

await service.unlock(key);
console.log("free:", (await createMutex(session, "examples/server-lock").tryLock()) !== undefined);
// #endregion

await etcd.leases.revoke(leaseId);

// Output:
// free: false
// free: true
