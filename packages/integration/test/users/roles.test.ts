import { type Auth, createAuth } from "@etcdkit/auth";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueName } from "./fixture.js";

// Authentication is off here: anybody may set up roles.
describeEachEtcd("roles", (etcd) => {
  const shared = etcd.shared();
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

  async function withAuth(act: (auth: Auth) => Promise<void>): Promise<void> {
    await using connection = shared.connect();
    await act(createAuth(connection));
  }

  // common/role_test.go:TestRoleAdd_Simple, TestRoleAdd_Error
  it("are added once, and not without a name", async () => {
    const role = uniqueName("role");
    await withAuth(async ({ roles }) => {
      await roles.add(role);
      await expect(roles.add(role)).rejects.toMatchObject({
        code: "ROLE_ALREADY_EXIST",
        outcome: "not-applied",
      });
      await expect(roles.add("")).rejects.toMatchObject({ code: "ROLE_EMPTY", outcome: "not-applied" });
    });
  });

  // common/role_test.go:TestRoleDelete
  it("are listed until they are deleted, and gone for their users then", async () => {
    const [role, user] = [uniqueName("role"), uniqueName("user")];
    await withAuth(async ({ roles, users }) => {
      await roles.add(role);
      await users.add(user, { password: "x" });
      await users.grantRole(user, role);
      expect((await roles.list()).roles).toContain(role);
      await roles.delete(role);
      expect((await roles.list()).roles).not.toContain(role);
      await expect(users.get(user)).resolves.toMatchObject({ roles: [] });
      const missing = { code: "ROLE_NOT_FOUND" };
      await expect(roles.get(role)).rejects.toMatchObject(missing);
      await expect(roles.delete(role)).rejects.toMatchObject({ ...missing, outcome: "not-applied" });
      await expect(roles.grantPermission(role, "read", "k")).rejects.toMatchObject(missing);
      await expect(roles.revokePermission(role, "k")).rejects.toMatchObject(missing);
    });
  });

  it("are had by users once, however often they are granted", async () => {
    const [role, user] = [uniqueName("role"), uniqueName("user")];
    await withAuth(async ({ roles, users }) => {
      await roles.add(role);
      await users.add(user, { password: "x" });
      await users.grantRole(user, role);
      await users.grantRole(user, role);
      await expect(users.get(user)).resolves.toMatchObject({ roles: [role] });
      await users.revokeRole(user, role);
      await expect(users.get(user)).resolves.toMatchObject({ roles: [] });
      await expect(users.revokeRole(user, role)).rejects.toMatchObject({ code: "ROLE_NOT_GRANTED" });
    });
  });

  // common/role_test.go:TestRootRole
  it("tell of root what they told before, whatever it is granted: it may do everything", async () => {
    await withAuth(async ({ roles }) => {
      await roles.add("root");
      const before = await roles.get("root");
      await roles.grantPermission("root", "readwrite", "foo");
      const after = await roles.get("root");
      if (etcd.has("root-permission")) {
        expect(before.permissions).toEqual([{ type: "readwrite", keys: { from: bytes("") } }]);
        expect(after.permissions).toEqual(before.permissions);
      } else {
        expect(before.permissions).toEqual([]);
        expect(after.permissions).toEqual([{ type: "readwrite", keys: bytes("foo") }]);
      }
    });
  });

  // common/role_test.go:TestRoleGrantRevokePermission
  it("have a permission replaced by another for the same keys, and revoked for exactly these", async () => {
    const role = uniqueName("role");
    await withAuth(async ({ roles }) => {
      await roles.add(role);
      await roles.grantPermission(role, "read", "bar");
      await roles.grantPermission(role, "write", "bar");
      await roles.grantPermission(role, "readwrite", { from: "bar", to: "foo" });
      const range = { type: "readwrite", keys: { from: bytes("bar"), to: bytes("foo") } };
      const key = { type: "write", keys: bytes("bar") };
      expect((await roles.get(role)).permissions).toEqual([key, range]);
      await expect(roles.revokePermission(role, "foo")).rejects.toMatchObject({
        code: "PERMISSION_NOT_GRANTED",
        outcome: "not-applied",
      });
      await roles.revokePermission(role, { from: "bar", to: "foo" });
      expect((await roles.get(role)).permissions).toEqual([key]);
    });
  });

  it("tell their permissions in the words in which they are granted and revoked", async () => {
    const role = uniqueName("role");
    await withAuth(async ({ roles }) => {
      await roles.add(role);
      const granted = [
        { type: "read", keys: { from: bytes("\0") } },
        { type: "write", keys: bytes("a") },
        { type: "readwrite", keys: { prefix: bytes("b/") } },
        { type: "read", keys: { from: bytes("c"), to: bytes("dd") } },
        { type: "read", keys: { from: Uint8Array.of(0xff) } },
      ] as const;
      for (const { type, keys } of granted) await roles.grantPermission(role, type, keys);
      const { permissions } = await roles.get(role);
      expect(permissions).toEqual(granted);
      for (const { keys } of permissions) await roles.revokePermission(role, keys);
      expect((await roles.get(role)).permissions).toEqual([]);
    });
  });
});
