// The life of a program as the cluster sees it, and handing it over.
import { createEtcd, openSession } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region open
const session = await openSession(etcd, { ttlSeconds: 15 });
await etcd.kv.put("examples/session/worker-1", "here", { leaseId: session.leaseId });

session.signal.addEventListener("abort", () => console.log("over:", session.signal.reason.code));
console.log("held:", session.isHeld());
// #endregion

// #region hand-over
const { leaseId } = session;
await session.orphan(); // ends the session, and leaves its lease and all keys alone

const next = await openSession(etcd, { leaseId }); // in the program that takes over
console.log("still there:", (await etcd.kv.get("examples/session/worker-1")) !== undefined);

await next.close(); // revokes the lease: its keys are deleted
console.log("still there:", (await etcd.kv.get("examples/session/worker-1")) !== undefined);
// #endregion

// Output:
// held: true
// over: CLOSED
// still there: true
// still there: false
