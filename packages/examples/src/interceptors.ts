// Seeing every call.
import type { Interceptor } from "@connectrpc/connect";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region interceptor
const logCalls: Interceptor = (next) => async (request) => {
  try {
    const answer = await next(request);
    console.log(request.method.name, "done");
    return answer;
  } catch (error) {
    console.log(request.method.name, "failed");
    throw error;
  }
};

// It sees each call once, however often it is repeated underneath, and neither the log-in nor its token.
await using etcd = createEtcd({ endpoints, interceptors: [logCalls] });
// #endregion

await etcd.kv.put("examples/interceptors", "seen");
await etcd.kv.get("").catch(() => undefined);
await etcd.kv.delete("examples/interceptors");

// Output:
// Put done
// Range failed
// DeleteRange done
