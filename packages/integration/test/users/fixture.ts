import { type Auth, createAuth, type PermissionType } from "@etcdkit/auth";
import type { Connection, KeyOrRange } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import type { EtcdUnderTest, SharedCluster } from "../support/each-etcd.js";

/** Who a case logs in as. */
export interface TestUser {
  readonly name: string;
  /** Its one role, which has what the user may do. */
  readonly role: string;
  readonly password: string;
}

/** A cluster with authentication, and `root` to administer it. */
export interface Administration {
  readonly shared: SharedCluster;
  /** Runs what it is given as `root`. */
  asRoot<T>(act: (root: { readonly auth: Auth; readonly connection: Connection }) => Promise<T>): Promise<T>;
  /** Adds a user that no other case uses, with one role of its own. */
  addUser(...permissions: readonly (readonly [PermissionType, KeyOrRange])[]): Promise<TestUser>;
  /** Connects as a user; the case closes it. */
  logIn(user: Pick<TestUser, "name" | "password">): Connection;
  /** Writes keys as `root`. */
  put(...keys: readonly string[]): Promise<void>;
}

let count = 0;

/** A name that no other case gives to a user or a role: cases share a cluster. */
export function uniqueName(what: string): string {
  count += 1;
  return `${what}-${process.pid}-${count}`;
}

/** Plans one cluster with authentication for the cases of a describe block. */
export function sharedAdministration(
  etcd: EtcdUnderTest,
  kind: "simple" | "jwt",
  options: { readonly members?: number } = {},
): Administration {
  const shared = etcd.shared({ ...options, auth: kind });

  const asRoot: Administration["asRoot"] = async (act) => {
    await using connection = shared.connect();
    return await act({ auth: createAuth(connection), connection });
  };

  return {
    shared,
    asRoot,
    async addUser(...permissions) {
      const user = { name: uniqueName("user"), role: uniqueName("role"), password: "canary-password-c09a" };
      await asRoot(async ({ auth }) => {
        await auth.roles.add(user.role);
        for (const [type, keys] of permissions) await auth.roles.grantPermission(user.role, type, keys);
        await auth.users.add(user.name, { password: user.password });
        await auth.users.grantRole(user.name, user.role);
      });
      return user;
    },
    logIn: ({ name, password }) => shared.connect({ credentials: { username: name, password } }),
    async put(...keys) {
      await asRoot(async ({ connection }) => {
        for (const key of keys) await createKv(connection).put(key, "v");
      });
    },
  };
}

/** How a call ended that needs a permission. */
export const denied = { code: "PERMISSION_DENIED" };

/** How a write ended that needs a permission. */
export const deniedWrite = { code: "PERMISSION_DENIED", outcome: "not-applied" };
