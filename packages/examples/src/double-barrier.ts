// Three workers begin a step of their computation together, and end it together.
import { createDoubleBarrier, createEtcd, openSession } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await using session = await openSession(etcd, { ttlSeconds: 20 });
let working = 0;

// #region double-barrier
async function worker(): Promise<void> {
  const barrier = createDoubleBarrier(session, "examples/double-barrier/step", 3);
  await barrier.enter(); // resolves when three have entered
  working++;
  await barrier.leave(); // resolves when all three want to leave
  console.log("out, when all have worked:", working === 3);
}

await Promise.all([worker(), worker(), worker()]);
// #endregion

// Output:
// out, when all have worked: true
// out, when all have worked: true
// out, when all have worked: true
