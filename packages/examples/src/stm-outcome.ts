// A transaction that gives up: by attempts, by time, by itself.
import { stm } from "@etcdkit/concurrency";
import { createEtcd, isEtcdError, outcomeOf } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
const key = "examples/stm-outcome/ticket";
await kv.put(key, "free");

// #region outcome
try {
  await stm(
    kv,
    async (tx) => {
      await tx.get(key);
      await kv.put(key, "taken"); // somebody else is faster, each time
      tx.put(key, "mine");
    },
    { maxAttempts: 3, timeoutMs: 2_000, isolation: "serializable" },
  );
} catch (error) {
  if (outcomeOf(error) === "unknown") console.log("it may have been committed: read before you repeat it");
  else if (isEtcdError(error, "CONFLICT")) console.log("others came first, nothing was written");
  else throw error;
}
// #endregion
await kv.delete(key);

// Output:
// others came first, nothing was written
