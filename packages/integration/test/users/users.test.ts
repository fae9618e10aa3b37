import { createAuth } from "@etcdkit/auth";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { rejection } from "../support/rejection.js";
import { sharedAdministration, uniqueName } from "./fixture.js";

describeEachEtcd("users", (etcd) => {
  const { shared, asRoot, logIn } = sharedAdministration(etcd, "simple");

  // common/user_test.go:TestUserAdd_Simple
  describe("are added", () => {
    it("with a password, by which they log in", async () => {
      const name = uniqueName("user");
      await asRoot(({ auth }) => auth.users.add(name, { password: "bar" }));
      await using connection = logIn({ name, password: "bar" });
      await connection.ready();
      await expect(createAuth(connection).users.get(name)).resolves.toMatchObject({ roles: [] });
    });

    it("without one, and then never log in by one, not even by one that they get later", async () => {
      const name = uniqueName("user");
      await asRoot(async ({ auth }) => {
        await auth.users.add(name, { noPassword: true });
        await expect(auth.users.get(name)).resolves.toMatchObject({ roles: [] });
        const refused = { code: "NO_PASSWORD_USER" };
        await expect(auth.authenticate(name, "")).rejects.toMatchObject(refused);
        await auth.users.changePassword(name, "later");
        await expect(auth.authenticate(name, "later")).rejects.toMatchObject(refused);
      });
    });

    it("with an empty password, which is one like any other", async () => {
      const name = uniqueName("user");
      await asRoot(async ({ auth }) => {
        await auth.users.add(name, { password: "" });
        await expect(auth.authenticate(name, "")).resolves.toMatch(/./);
        await expect(auth.authenticate(name, "x")).rejects.toMatchObject({ code: "AUTH_FAILED" });
      });
    });

    it("under no empty name", async () => {
      const { error } = await rejection(() => asRoot(({ auth }) => auth.users.add("", { password: "bar" })));
      expect(error).toMatchObject({ code: "USER_EMPTY", outcome: "not-applied" });
    });

    // user_test.go:TestUserError, common/user_test.go:TestUserAdd_DuplicateUserNotAllowed
    it("once: a second one of the name is refused", async () => {
      const name = uniqueName("user");
      await asRoot(async ({ auth }) => {
        await auth.users.add(name, { password: "bar" });
        const { error } = await rejection(() => auth.users.add(name, { password: "bar" }));
        expect(error).toMatchObject({ code: "USER_ALREADY_EXIST", outcome: "not-applied" });
      });
    });
  });

  // common/user_test.go:TestUserList, TestUserDelete
  it("are listed until they are deleted", async () => {
    const name = uniqueName("user");
    await asRoot(async ({ auth }) => {
      await auth.users.add(name, { password: "bar" });
      expect((await auth.users.list()).users).toContain(name);
      await auth.users.delete(name);
      expect((await auth.users.list()).users).not.toContain(name);
      await expect(auth.users.delete(name)).rejects.toMatchObject({
        code: "USER_NOT_FOUND",
        outcome: "not-applied",
      });
    });
  });

  // user_test.go:TestUserError
  it("and roles that do not exist are an error of every call that names them", async () => {
    const name = uniqueName("user");
    await asRoot(async ({ auth }) => {
      await auth.users.add(name, { password: "bar" });
      const noUser = { code: "USER_NOT_FOUND" };
      await expect(auth.users.get("nobody")).rejects.toMatchObject(noUser);
      await expect(auth.users.changePassword("nobody", "x")).rejects.toMatchObject(noUser);
      await expect(auth.users.grantRole("nobody", "root")).rejects.toMatchObject(noUser);
      await expect(auth.users.revokeRole("nobody", "root")).rejects.toMatchObject(noUser);
      const noRole = { code: "ROLE_NOT_FOUND" };
      await expect(auth.users.grantRole(name, "nothing")).rejects.toMatchObject(noRole);
      await expect(auth.users.revokeRole(name, "root")).rejects.toMatchObject({ code: "ROLE_NOT_GRANTED" });
    });
  });

  // user_test.go:TestAddUserAfterDelete, common/user_test.go:TestUserChangePassword
  it("log in with their last password only, and with none while they are deleted", async () => {
    const name = uniqueName("user");
    await asRoot(async ({ auth }) => {
      const wrong = { code: "AUTH_FAILED" };
      await auth.users.add(name, { password: "bar" });
      await auth.authenticate(name, "bar");
      await auth.users.delete(name);
      await expect(auth.authenticate(name, "bar")).rejects.toMatchObject(wrong);
      await auth.users.add(name, { password: "bar" });
      await auth.authenticate(name, "bar");
      await auth.users.changePassword(name, "bar2");
      await auth.users.changePassword(name, "bar1");
      await expect(auth.authenticate(name, "bar")).rejects.toMatchObject(wrong);
      await expect(auth.authenticate(name, "bar2")).rejects.toMatchObject(wrong);
      await auth.authenticate(name, "bar1");
    });
  });

  it("who are logged in when their password changes are refused from then on", async () => {
    const name = uniqueName("user");
    await asRoot(({ auth }) => auth.users.add(name, { password: "old" }));
    await using connection = logIn({ name, password: "old" });
    const self = createAuth(connection).users;
    await self.get(name);
    await asRoot(({ auth }) => auth.users.changePassword(name, "new"));
    await expect(self.get(name)).rejects.toMatchObject({ code: "AUTH_FAILED" });
  });

  it("have tokens that other connections can use", async () => {
    const name = uniqueName("user");
    const token = await asRoot(async ({ auth }) => {
      await auth.users.add(name, { password: "bar" });
      return await auth.authenticate(name, "bar");
    });
    await using connection = shared.connect({ credentials: { token } });
    await expect(createAuth(connection).users.get(name)).resolves.toMatchObject({ roles: [] });
  });

  it("may have names that are hard to spell", async () => {
    const names = ["__proto__", "constructor", "été ☀", " ", "a\nb\0c"].map(
      (odd) => odd + uniqueName("user"),
    );
    await asRoot(async ({ auth }) => {
      for (const name of names) await auth.users.add(name, { password: name });
      expect((await auth.users.list()).users).toEqual(expect.arrayContaining(names));
      for (const name of names) await auth.authenticate(name, name);
    });
  });
});
