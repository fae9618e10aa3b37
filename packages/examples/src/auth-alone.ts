// Users and roles without the bundle.

// #region program
import { createAuth } from "@etcdkit/auth";
import { connect } from "@etcdkit/core";

const connection = connect({ endpoints: process.env["ETCD_ENDPOINTS"] ?? "http://localhost:2379" });
const { roles, users } = createAuth(connection);

await roles.add("gardener");
await roles.grantPermission("gardener", "readwrite", { prefix: "garden/" });
await users.add("ann", { password: "a long secret" });
await users.grantRole("ann", "gardener");
console.log(await users.get("ann").then((user) => user.roles.join()));

await users.delete("ann");
await roles.delete("gardener");
await connection.close();
// #endregion

// Output:
// gardener
