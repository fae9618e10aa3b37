// Logging in with a user name and a password.
import { createEtcd, isEtcdError } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region password
// Over plaintext this is refused unless the endpoint is on this machine.
await using etcd = createEtcd({
  endpoints,
  credentials: {
    username: process.env["ETCD_USERNAME"] ?? "root",
    password: process.env["ETCD_PASSWORD"] ?? "",
  },
});
// #endregion

const events = etcd.connection.events();
await etcd.kv.put("examples/password", "open sesame");
for await (const event of events) {
  if (event.type !== "logged-in") continue;
  console.log("logged in; the cluster asks for it:", event.authEnabled);
  break;
}
await etcd.kv.delete("examples/password");

await using anonymous = createEtcd({ endpoints });
await anonymous.kv.get("examples/password").catch((error: unknown) => {
  console.log("without:", isEtcdError(error) ? error.code : error);
});

// Output:
// logged in; the cluster asks for it: true
// without: USER_EMPTY
