// Seeing every attempt of every call of the process.
import { createEtcd, diagnostics } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// #region attempts
// Attempts are measured and told of only while somebody listens.
const unsubscribe = diagnostics.attempts.subscribe(({ method, attempt, durationMs, error }) => {
  console.log(method, "attempt", attempt, error?.code ?? "answered", durationMs >= 0);
});
await etcd.kv.get("examples/metrics-attempts");
unsubscribe();
// #endregion
await etcd.kv.get("examples/metrics-attempts");

// Output:
// Range attempt 1 answered true
