// Ending calls: by a signal, by a deadline.
import { createEtcd, isEtcdError } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
await using absent = createEtcd({ endpoints: "http://127.0.0.1:1" }); // nothing listens there

// #region signal
const shutdown = new AbortController();
const pending = absent.kv.get("examples/cancel-and-deadline", { signal: shutdown.signal });
shutdown.abort(new Error("shutting down"));
await pending.catch((error: unknown) => console.log(error === shutdown.signal.reason));
// #endregion

// #region deadline
// Every call has a deadline, 10 s unless `callTimeoutMs` (for all calls) or `timeoutMs` (for this one) says otherwise.
try {
  await absent.kv.get("examples/cancel-and-deadline", { timeoutMs: 200 });
} catch (error) {
  if (!isEtcdError(error, "DEADLINE")) throw error;
  // Which endpoint, and what the last attempt there died of.
  console.log(error.code, error.endpoint, isEtcdError(error.cause, "UNAVAILABLE"));
}
// #endregion

// One signal may serve any number of calls.
const signal = AbortSignal.timeout(10_000);
await Promise.all(["a", "b"].map((name) => etcd.kv.get(`examples/cancel-and-deadline/${name}`, { signal })));
console.log("in time");

// Output:
// true
// DEADLINE http://127.0.0.1:1 true
// in time
