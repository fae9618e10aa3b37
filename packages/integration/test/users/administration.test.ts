import { createAuth } from "@etcdkit/auth";
import { createCluster } from "@etcdkit/cluster";
import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { denied, deniedWrite, sharedAdministration } from "./fixture.js";

describeEachEtcd("authentication", (etcd) => {
  describe("on a cluster that has none yet", () => {
    // common/auth_test.go:TestAuthEnable, TestAuthStatus
    it("is enabled once there is a root to disable it again, and tells so", async () => {
      await using cluster = await etcd.start();
      await using anonymous = connect({ endpoints: cluster.endpoints });
      const auth = createAuth(anonymous);
      const key = uniqueKey();
      await createKv(anonymous).put(key, "open to all");
      await auth.disable(); // it is off, which is no error

      await expect(auth.enable()).rejects.toMatchObject({
        code: "ROOT_USER_NOT_EXIST",
        outcome: "not-applied",
      });
      await auth.users.add("root", { password: "canary-password-77f1" });
      await expect(auth.enable()).rejects.toMatchObject({ code: "ROOT_ROLE_NOT_EXIST" });
      await expect(auth.authenticate("root", "x")).rejects.toMatchObject({ code: "AUTH_NOT_ENABLED" });
      await auth.roles.add("root");
      await auth.users.grantRole("root", "root");
      if (etcd.has("auth-status")) {
        await expect(auth.status()).resolves.toMatchObject({ enabled: false, authRevision: 4n });
      } else {
        await expect(auth.status()).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
      }

      await auth.enable();
      await expect(createKv(anonymous).get(key)).rejects.toMatchObject({ code: "USER_EMPTY" });
      if (etcd.has("open-auth-status")) {
        await expect(auth.status()).resolves.toMatchObject({ enabled: true });
      } else {
        const code = etcd.has("auth-status") ? "USER_EMPTY" : "UNIMPLEMENTED";
        await expect(auth.status()).rejects.toMatchObject({ code });
      }
      await using root = connect({
        endpoints: cluster.endpoints,
        credentials: { username: "root", password: "canary-password-77f1" },
      });
      const administrator = createAuth(root);
      await expect(createKv(root).get(key)).resolves.toMatchObject({ version: 1n });
      if (etcd.has("auth-status")) {
        await expect(administrator.status()).resolves.toMatchObject({ enabled: true });
      }
      await administrator.enable(); // it is on, which is no error

      await administrator.disable();
      await createKv(anonymous).put(key, "open to all again");
      expect((await auth.users.list()).users).toEqual(["root"]);
      if (etcd.has("auth-status")) await expect(auth.status()).resolves.toMatchObject({ enabled: false });
    });
  });

  describe("where it is enabled", () => {
    const { shared, asRoot, addUser, logIn } = sharedAdministration(etcd, "simple");

    // user_test.go:TestUserErrorAuth
    it("lets nobody administer users without a log-in", async () => {
      await using anonymous = shared.connect({ credentials: undefined });
      const { users, roles, disable } = createAuth(anonymous);
      const calls = [
        () => users.add("foo", { password: "bar" }),
        () => users.list(),
        () => users.get("root"),
        () => users.changePassword("root", "bar"),
        () => users.grantRole("reader", "root"),
        () => users.revokeRole("root", "root"),
        () => users.delete("reader"),
        () => roles.add("foo"),
        () => roles.list(),
        () => roles.get("root"),
        () => roles.grantPermission("reader", "write", "a"),
        () => roles.revokePermission("reader", { prefix: "public/" }),
        () => roles.delete("reader"),
        () => disable(),
      ];
      for (const call of calls) {
        expect((await rejection(call)).error).toMatchObject({ code: "USER_EMPTY" });
      }
    });

    it("lets none but root administer users", async () => {
      const user = await addUser(["readwrite", { from: "\0" }]);
      await using connection = logIn(user);
      const { users, roles, enable, disable } = createAuth(connection);
      const calls = [
        () => users.add("foo", { password: "bar" }),
        () => users.changePassword(user.name, "bar"),
        () => users.grantRole(user.name, "root"),
        () => users.revokeRole(user.name, user.role),
        () => users.delete(user.name),
        () => roles.add("foo"),
        () => roles.grantPermission(user.role, "write", "a"),
        () => roles.revokePermission(user.role, { from: "\0" }),
        () => roles.delete(user.role),
        () => enable(),
        () => disable(),
      ];
      for (const call of calls) expect((await rejection(call)).error).toMatchObject(deniedWrite);
      expect((await rejection(() => users.list())).error).toMatchObject(denied);
      expect((await rejection(() => roles.list())).error).toMatchObject(denied);
    });

    // common/auth_test.go:TestAuthUserGet
    it("lets users ask about themselves, and root about everybody", async () => {
      const user = await addUser();
      await using connection = logIn(user);
      const { users } = createAuth(connection);
      await expect(users.get(user.name)).resolves.toMatchObject({ roles: [user.role] });
      await expect(users.get("root")).rejects.toMatchObject(denied);
      await asRoot(async ({ auth }) => {
        await expect(auth.users.get(user.name)).resolves.toMatchObject({ roles: [user.role] });
        await expect(auth.users.get("root")).resolves.toMatchObject({ roles: ["root"] });
      });
    });

    // common/auth_test.go:TestAuthRoleGet, TestAuthRoleList
    it("lets users ask about their roles, and root about every one", async () => {
      const user = await addUser(["readwrite", "foo"]);
      await using connection = logIn(user);
      const { roles } = createAuth(connection);
      const permissions = [{ type: "readwrite", keys: new TextEncoder().encode("foo") }];
      await expect(roles.get(user.role)).resolves.toMatchObject({ permissions });
      await expect(roles.get("root")).rejects.toMatchObject(denied);
      await asRoot(async ({ auth }) => {
        await expect(auth.roles.get(user.role)).resolves.toMatchObject({ permissions });
        expect((await auth.roles.list()).roles).toEqual(expect.arrayContaining([user.role, "root"]));
      });
    });

    // common/auth_test.go:TestAuthTestInvalidMgmt, e2e/ctl_v3_auth_test.go:authTestInvalidMgmt
    it("does not let root lock everybody out", async () => {
      await asRoot(async ({ auth }) => {
        const invalid = { code: "INVALID_AUTH_MGMT", outcome: "not-applied" };
        await expect(auth.users.delete("root")).rejects.toMatchObject(invalid);
        await expect(auth.users.revokeRole("root", "root")).rejects.toMatchObject(invalid);
        await expect(auth.roles.delete("root")).rejects.toMatchObject(invalid);
      });
    });

    // common/auth_test.go:TestAuthMemberAdd, TestAuthMemberRemove, e2e/ctl_v3_auth_test.go:TestCtlV3AuthMemberUpdate
    it("lets none but root change the members", async () => {
      const user = await addUser(["readwrite", { from: "\0" }]);
      await using connection = logIn(user);
      await using anonymous = shared.connect({ credentials: undefined });
      const url = "http://127.0.0.1:20011";
      const { member, id } = await asRoot(async (root) => {
        const { add, list } = createCluster(root.connection);
        const [first] = (await list()).members;
        return { id: first?.id ?? 0n, member: (await add(url, { learner: true })).member };
      });
      for (const [who, refused] of [
        [createCluster(connection), deniedWrite],
        [createCluster(anonymous), { code: "USER_EMPTY", outcome: "not-applied" }],
      ] as const) {
        await expect(who.add("http://127.0.0.1:20012", { learner: true })).rejects.toMatchObject(refused);
        await expect(who.add("http://127.0.0.1:20012")).rejects.toMatchObject(refused);
        await expect(who.update(id, "http://127.0.0.1:20013")).rejects.toMatchObject(refused);
        await expect(who.promote(member.id)).rejects.toMatchObject(refused);
        await expect(who.remove(member.id)).rejects.toMatchObject(refused);
      }
      await asRoot(async (root) => {
        const cluster = createCluster(root.connection);
        await cluster.update(member.id, "http://127.0.0.1:20014");
        const { members } = await cluster.remove(member.id);
        expect(members.map((one) => one.id)).toEqual([id]);
      });
    });

    // common/auth_test.go:TestAuthMemberList
    const guarded = etcd.has("admission-checks");
    it(`lets ${guarded ? "those who are logged in" : "everybody"} list the members`, async () => {
      const user = await addUser();
      await using connection = logIn(user);
      await using anonymous = shared.connect({ credentials: undefined });
      const listed = { members: [{ name: "m1" }] };
      for (const serializable of [false, true]) {
        await expect(createCluster(connection).list({ serializable })).resolves.toMatchObject(listed);
        const stranger = createCluster(anonymous).list({ serializable });
        if (guarded) await expect(stranger).rejects.toMatchObject({ code: "USER_EMPTY" });
        else await expect(stranger).resolves.toMatchObject(listed);
      }
    });
  });
});
