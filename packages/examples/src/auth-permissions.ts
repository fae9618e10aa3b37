// Granting, telling and revoking permissions.
import { createEtcd, isEtcdError, type KeyOrRange, parsePermissionType, toJson } from "etcdkit";
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });
const { roles } = etcd.auth;
await roles.add("librarian");

// #region grant
await roles.grantPermission("librarian", "read", "books/index"); // one key
await roles.grantPermission("librarian", "readwrite", { prefix: "books/shelf/" }); // all that begin so
await roles.grantPermission("librarian", "write", { from: "log/2020", to: "log/2030" }); // from one key up to another
await roles.grantPermission("librarian", "read", { from: "public/" }); // that one and all behind it

// For the same keys, the later type counts.
await roles.grantPermission("librarian", "readwrite", "books/index");

// Where types come from a file, in whatever case.
await roles.grantPermission("librarian", parsePermissionType("READ"), "books/history");
// #endregion

// An empty name would be every key there is. Whoever means that says { from: "\0" }.
const department = "";
await roles
  .grantPermission("librarian", "readwrite", { prefix: department })
  .catch((error: unknown) => console.log(error instanceof TypeError));

// #region revoke
const text = (keys: KeyOrRange): string =>
  JSON.stringify(toJson(keys), (_, value) =>
    typeof value === "string" ? Buffer.from(value, "base64").toString() : value,
  );
const { permissions } = await roles.get("librarian");
for (const { type, keys } of permissions) console.log(type, text(keys));

// Exactly what was granted can be revoked, not a part of it.
await roles.revokePermission("librarian", { prefix: "books/shelf/1/" }).catch((error: unknown) => {
  console.log(isEtcdError(error, "PERMISSION_NOT_GRANTED"));
});
for (const { keys } of permissions) await roles.revokePermission("librarian", keys);
console.log("left:", (await roles.get("librarian")).permissions.length);
// #endregion

await roles.delete("librarian");

// Output:
// true
// read "books/history"
// readwrite "books/index"
// readwrite {"prefix":"books/shelf/"}
// write {"from":"log/2020","to":"log/2030"}
// read {"from":"public/"}
// true
// left: 0
