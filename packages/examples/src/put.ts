// Writing keys. After etcd's ExampleKV_put.
import { createEtcd, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;

// #region put
await kv.put("examples/put/mode", "day");

// Bytes go in as they are; strings go in as UTF-8.
await kv.put("examples/put/logo", new Uint8Array([0x89, 0x50, 0x4e, 0x47]));

// `prevKv` asks for what was overwritten. `timeoutMs` is for this one call.
const { prevKv } = await kv.put("examples/put/mode", "night", { prevKv: true, timeoutMs: 2_000 });
console.log("before:", prevKv === undefined ? "nothing" : utf8(prevKv.value));
// #endregion

await kv.delete({ prefix: "examples/put/" });

// Output:
// before: day
