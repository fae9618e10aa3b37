// Bringing a token (a JWT) that somebody else issued.
import { readFile } from "node:fs/promises";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region token
const tokenFile = process.env["ETCD_TOKEN_FILE"] ?? "/run/secrets/etcd-token";

// The function is asked for the first token, and again when etcd refuses the one in use. A token that never changes may
// be given as a string.
await using etcd = createEtcd({
  endpoints,
  credentials: { token: async () => (await readFile(tokenFile, "utf8")).trim() },
});
// #endregion

await etcd.kv.put("examples/token", "let in");
console.log((await etcd.kv.delete("examples/token")).deleted, "key written with a token");

// Output:
// 1 key written with a token
