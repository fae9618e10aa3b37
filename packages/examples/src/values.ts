// Text, bytes and JSON in and out.
import { createEtcd, json, toJson, utf8 } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { kv } = etcd;

// #region values
await kv.put("examples/values/limits", JSON.stringify({ perMinute: 60 }));
const { kvs } = await kv.range({ prefix: "examples/values/" });
for (const { key, value } of kvs) {
  console.log(utf8(key), utf8(value));
  // What others wrote may be anything: `json` returns `unknown`, for you to check.
  const limits = json(value);
  if (typeof limits === "object" && limits !== null && "perMinute" in limits) console.log(limits.perMinute);
}

// JSON has no bigint and no bytes; `toJson` makes decimal strings and base64 of them.
console.log(JSON.stringify(toJson(kvs.map(({ key, version }) => ({ key, version })))));
// #endregion

await kv.delete({ prefix: "examples/values/" });

// Output:
// examples/values/limits {"perMinute":60}
// 60
// [{"key":"ZXhhbXBsZXMvdmFsdWVzL2xpbWl0cw==","version":"1"}]
