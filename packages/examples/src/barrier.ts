// A gate: workers wait until the schema of a database is up to date.
import { createBarrier, createEtcd, isEtcdError } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const key = "examples/barrier/schema";

// #region barrier
const barrier = createBarrier(etcd, key);
await barrier.hold();

async function worker(): Promise<void> {
  await barrier.wait({ timeoutMs: 30_000 });
  console.log("a worker begins");
}

const workers = [worker(), worker()];
console.log("the schema is brought up to date");
await barrier.release();
await Promise.all(workers);
// #endregion

// #region held
await barrier.hold();
try {
  await barrier.hold();
} catch (error) {
  if (isEtcdError(error, "KEY_EXISTS")) console.log("somebody holds it already");
}
await barrier.release();
// #endregion

// Output:
// the schema is brought up to date
// a worker begins
// a worker begins
// somebody holds it already
