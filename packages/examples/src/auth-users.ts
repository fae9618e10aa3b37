// Users, roles, and what each may do. After etcd's ExampleAuth.
import { createEtcd, type Etcd, isEtcdError, op } from "etcdkit";
import { endpoints } from "./endpoints.js";

// #region set-up
// As long as authentication is off, anybody may do this.
{
  await using etcd = createEtcd({ endpoints });
  const { users, roles, enable } = etcd.auth;

  // Somebody has to be able to turn it off again: the user root, with the role root, who may do everything.
  await roles.add("root");
  await users.add("root", { password: "root's secret" });
  await users.grantRole("root", "root");

  // A role may read, write or both: a key, a prefix, or a range.
  await roles.add("reader");
  await roles.grantPermission("reader", "read", { prefix: "examples/auth/" });
  await roles.add("writer");
  await roles.grantPermission("writer", "readwrite", { from: "examples/auth/a", to: "examples/auth/n" });

  // A user may do what its roles may.
  await users.add("ann", { password: "ann's secret" });
  await users.grantRole("ann", "reader");
  await users.grantRole("ann", "writer");
  await users.add("bob", { password: "bob's secret" });
  await users.grantRole("bob", "reader");

  await enable();
}
// #endregion

// #region log-in
function logIn(username: string): Etcd {
  return createEtcd({ endpoints, credentials: { username, password: `${username}'s secret` } });
}

/** Tells what becomes of a call: that it was done, or why not. */
async function attempt(what: string, call: Promise<unknown>): Promise<void> {
  const outcome = await call.then(
    () => "done",
    (error: unknown) => (isEtcdError(error) ? error.code : error),
  );
  console.log(`${what}:`, outcome);
}

for (const name of ["ann", "bob"]) {
  await using etcd = logIn(name);
  const { kv } = etcd;
  await attempt(`${name} writes a key`, kv.put("examples/auth/key", "value"));
  await attempt(`${name} writes a key further on`, kv.put("examples/auth/zebra", "value"));
  await attempt(`${name} reads all of them`, kv.range({ prefix: "examples/auth/" }));
  // All that a transaction may do is asked for, whether it comes to that or not.
  await attempt(
    `${name} reads another one in a transaction`,
    kv.txn({ success: [op.range("examples/auth/key")], failure: [op.range("examples/other")] }),
  );
  await attempt(`${name} adds a user`, etcd.auth.users.add("eve", { password: "eve's secret" }));
}
await using anonymous = createEtcd({ endpoints });
await attempt("a stranger reads", anonymous.kv.get("examples/auth/key"));
await attempt("somebody guesses", anonymous.auth.authenticate("ann", "secret"));
// #endregion

// #region change
await using root = logIn("root");
await using ann = logIn("ann");
await ann.kv.put("examples/auth/key", "value");
// It counts from the next call on, for those who are logged in, too.
await root.auth.users.revokeRole("ann", "writer");
await attempt("ann writes after that", ann.kv.put("examples/auth/key", "value"));
console.log("ann is a", (await ann.auth.users.get("ann")).roles.join());
// #endregion

await root.kv.delete({ prefix: "examples/auth/" });
await root.auth.disable();
for (const name of ["ann", "bob", "root"]) await root.auth.users.delete(name);
for (const name of ["reader", "writer", "root"]) await root.auth.roles.delete(name);

// Output:
// ann writes a key: done
// ann writes a key further on: PERMISSION_DENIED
// ann reads all of them: done
// ann reads another one in a transaction: PERMISSION_DENIED
// ann adds a user: PERMISSION_DENIED
// bob writes a key: PERMISSION_DENIED
// bob writes a key further on: PERMISSION_DENIED
// bob reads all of them: done
// bob reads another one in a transaction: PERMISSION_DENIED
// bob adds a user: PERMISSION_DENIED
// a stranger reads: USER_EMPTY
// somebody guesses: AUTH_FAILED
// ann writes after that: PERMISSION_DENIED
// ann is a reader
