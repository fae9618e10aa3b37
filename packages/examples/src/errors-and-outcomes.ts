// What a failed call leaves behind: `outcome` tells whether a write may have been applied.
import { createEtcd, isEtcdError, outcomeOf, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;
const key = "examples/errors-and-outcomes/key";
await kv.put(key, "old");

async function report(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isEtcdError(error)) throw error;
    console.log(error.code, error.outcome ?? "-");
  });
}

// A refusal proves that nothing was written; a read leaves nothing behind in any case.
await report(kv.put("", "value"));
await report(kv.put(key, new Uint8Array(3 * 1024 * 1024)));
await report(kv.get(key, { revision: 2n ** 60n }));

// #region unknown
// Ended while it was under way: nobody knows whether etcd got it. It is never sent again behind your back.
const controller = new AbortController();
const write = kv.put(key, "new", { signal: controller.signal });
setImmediate(() => controller.abort());
try {
  await write;
} catch (error) {
  if (outcomeOf(error) === "unknown") {
    const current = await kv.get(key);
    console.log(
      "unknown, so read it:",
      current !== undefined && ["old", "new"].includes(utf8(current.value)),
    );
  }
}
// #endregion

// #region idempotent
// Writing the same value twice does no harm here, so the call may be repeated after a failure of unknown outcome.
await kv.put(key, "final", { idempotent: true });
// #endregion

await kv.delete({ prefix: "examples/errors-and-outcomes/" });

// Output:
// EMPTY_KEY not-applied
// MESSAGE_TOO_LARGE not-applied
// FUTURE_REV -
// unknown, so read it: true
