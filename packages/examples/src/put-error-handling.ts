// The four ways in which a call fails, and how to tell them apart. After etcd's ExampleKV_putErrorHandling.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createEtcd, isEtcdError, type Kv } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region switch
async function tryPut(
  kv: Kv,
  key: string,
  call: { signal?: AbortSignal; timeoutMs?: number },
): Promise<string> {
  try {
    await kv.put(key, "value", call);
    return "stored";
  } catch (error) {
    // Your own abort comes back as the reason that you gave.
    if (call.signal?.aborted && error === call.signal.reason) return "aborted by this program";
    // Anything else that is no EtcdError is a mistake in the program, a TypeError for instance.
    if (!isEtcdError(error)) throw error;
    switch (error.code) {
      case "DEADLINE":
        return "not done in time";
      case "TLS":
      case "PROTOCOL":
        return `bad endpoints: what answers there is not the etcd we look for (${error.code})`;
      default:
        return `failed: ${error.code}`;
    }
  }
}
// #endregion

await using etcd = createEtcd({ endpoints });
console.log(await tryPut(etcd.kv, "examples/put-error-handling/key", {}));

console.log(await tryPut(etcd.kv, "examples/put-error-handling/key", { signal: AbortSignal.abort() }));

// Nothing listens at port 1. That may change at any time, so the call waits for it as long as it may.
await using absent = createEtcd({ endpoints: "http://127.0.0.1:1" });
console.log(await tryPut(absent.kv, "key", { timeoutMs: 100 }));

console.log(await tryPut(etcd.kv, "", {}));

// A web server will not become an etcd by waiting: calls fail at once.
const web = createServer().listen(0, "127.0.0.1");
await once(web, "listening");
const { port } = web.address() as AddressInfo;
await using mistaken = createEtcd({ endpoints: `http://127.0.0.1:${port}` });
console.log(await tryPut(mistaken.kv, "key", {}));
web.close();

await etcd.kv.delete({ prefix: "examples/put-error-handling/" });

// Output:
// stored
// aborted by this program
// not done in time
// failed: EMPTY_KEY
// bad endpoints: what answers there is not the etcd we look for (PROTOCOL)
