import { type Client, createClient } from "@connectrpc/connect";
import type { Connection } from "@etcdkit/core";
import { Auth, Permission_Type } from "@etcdkit/core/protocol";
import type { ClusterUser } from "@etcdkit/testing";

/** etcd's Auth service over a connection. */
export function authOf({ transport }: Pick<Connection, "transport">): Client<typeof Auth> {
  return createClient(Auth, transport);
}

/** What `credentials` takes, of a user of the test cluster. */
export function credentialsOf({ name, password }: ClusterUser): {
  readonly username: string;
  readonly password: string;
} {
  return { username: name, password };
}

/** Adds a user that may read and write one key. Without a password it can only come with a certificate. */
export async function addUser(
  auth: Client<typeof Auth>,
  user: { readonly name: string; readonly password?: string; readonly key: string },
): Promise<void> {
  const { name, password, key } = user;
  await auth.userAdd(password === undefined ? { name, options: { noPassword: true } } : { name, password });
  await auth.roleAdd({ name: `${name}-role` });
  await auth.roleGrantPermission({
    name: `${name}-role`,
    perm: { permType: Permission_Type.READWRITE, key: new TextEncoder().encode(key) },
  });
  await auth.userGrantRole({ user: name, role: `${name}-role` });
}

/** Creates the user `root`, whose word is law, and switches authentication on. */
export async function enableAuth(auth: Client<typeof Auth>, password: string): Promise<void> {
  await auth.roleAdd({ name: "root" });
  await auth.userAdd({ name: "root", password });
  await auth.userGrantRole({ user: "root", role: "root" });
  await auth.authEnable({});
}
