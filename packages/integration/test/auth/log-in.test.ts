import { op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { afterAll, describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { authOf, credentialsOf, enableAuth } from "./users.js";
import { secretValue, Witness } from "./witness.js";

// Authentication is the same in every version since 3.4, up to defects.
describeEachEtcd("logging in", (etcd) => {
  const witness = new Witness();
  afterAll(() => witness.expectSecretsKept());
  const shared = etcd.shared({ auth: "simple" });
  const users = () => {
    const { auth } = shared.cluster;
    if (auth === undefined) throw new Error("the cluster has no users");
    return auth;
  };

  // user_test.go:TestUserErrorAuth
  describe("makes the difference:", () => {
    it("administration without it is refused", async () => {
      await using connection = witness.connect(shared.cluster, { credentials: undefined });
      const failure = await witness.failureOf(authOf(connection).userAdd({ name: "foo", password: "bar" }));
      expect(failure).toMatchObject({ code: "USER_EMPTY", outcome: "not-applied" });
    });

    it.each([
      ["an unknown user", "wrong-user", "canary-password-8e2b"],
      ["a wrong password", "root", "canary-password-77aa"],
    ])("%s is refused by ready and by every call", async (_, username, password) => {
      await using connection = witness.connect(shared.cluster, { credentials: { username, password } });
      await expect(witness.failureOf(connection.ready())).resolves.toMatchObject({ code: "AUTH_FAILED" });
      const put = witness.failureOf(createKv(connection).put(uniqueKey(), secretValue));
      await expect(put).resolves.toMatchObject({ code: "AUTH_FAILED", outcome: "not-applied" });
    });

    it("the right user and password work", async () => {
      await using connection = witness.connect(shared.cluster);
      await connection.ready();
      const { users: names } = await authOf(connection).userList({});
      expect(names).toContain("root");
    });
  });

  // integration/v3_auth_test.go:TestV3AuthEmptyUserGet, TestV3AuthEmptyUserPut
  it("is asked for by every operation: without it all are refused, and nothing is written", async () => {
    await using connection = witness.connect(shared.cluster, { credentials: undefined });
    const kv = createKv(connection);
    const key = uniqueKey();
    await expect(witness.failureOf(kv.get(key))).resolves.toMatchObject({ code: "USER_EMPTY" });
    const failures = await Promise.all([
      witness.failureOf(kv.put(key, secretValue)),
      witness.failureOf(kv.delete(key)),
      witness.failureOf(kv.txn({ success: [op.put(key, secretValue)] })),
    ]);
    const refused = { code: "USER_EMPTY", outcome: "not-applied" };
    expect(failures).toMatchObject([refused, refused, refused]);
    await using root = witness.connect(shared.cluster);
    await expect(createKv(root).get(key)).resolves.toBeUndefined();
  });

  it("does not give more than the user has: PERMISSION_DENIED, and no second log-in for it", async () => {
    const own = new Witness();
    await using connection = own.connect(shared.cluster, { credentials: credentialsOf(users().reader) });
    const kv = createKv(connection);
    await expect(kv.get("public/greeting")).resolves.toBeUndefined();
    const denied = { code: "PERMISSION_DENIED" };
    await expect(own.failureOf(kv.put("public/greeting", secretValue))).resolves.toMatchObject({
      ...denied,
      outcome: "not-applied",
    });
    await expect(own.failureOf(kv.get("private"))).resolves.toMatchObject(denied);
    await expect(own.failureOf(kv.range({ prefix: "" }))).resolves.toMatchObject(denied);
    expect(own.logIns).toBe(1);
    own.expectSecretsKept();
  });

  it("happens once for any number of first calls", async () => {
    const own = new Witness();
    await using connection = own.connect(shared.cluster);
    const kv = createKv(connection);
    await Promise.all(Array.from({ length: 100 }, (_, i) => kv.put(`many/${i}`, "x")));
    expect(own.logIns).toBe(1);
  });

  describe("where the cluster has no authentication", () => {
    const open = etcd.shared();

    // user_test.go:TestGetTokenWithoutAuth
    it("succeeds without a token, and calls go through", async () => {
      await using connection = witness.connect(open.cluster, {
        credentials: { username: "root", password: "canary-password-90fe" },
      });
      const events = connection.events()[Symbol.asyncIterator]();
      await connection.ready();
      let event = await events.next();
      while (event.done !== true && event.value.type !== "logged-in") event = await events.next();
      expect(event.value).toEqual({ type: "logged-in", authEnabled: false });
      const kv = createKv(connection);
      await kv.put("abc", "def");
      await expect(kv.get("abc")).resolves.toMatchObject({ version: 1n });
    });

    // integration/v3_auth_test.go:TestV3AuthRevision, TestV3AuthNonAuthorizedRPCs
    it("is needed from the moment that it gets it, and that is no revision of the store", async () => {
      await using anonymous = witness.connect(open.cluster);
      await using known = witness.connect(open.cluster, {
        credentials: { username: "root", password: "canary-password-12cd" },
      });
      const [kv, later] = [createKv(anonymous), createKv(known)];
      await later.put("foo", "before");
      const { header } = await kv.put("foo", "bar");
      const auth = authOf(anonymous);
      const added = await auth.userAdd({ name: "somebody", password: "canary-password-33ab" });
      expect(added.header?.revision).toBe(header.revision);
      await enableAuth(auth, "canary-password-12cd");
      await expect(witness.failureOf(kv.put("foo", secretValue))).resolves.toMatchObject({
        code: "USER_EMPTY",
        outcome: "not-applied",
      });
      // Whoever was given credentials logs in now, and goes on.
      await expect(later.put("foo", "after")).resolves.toMatchObject({
        header: { revision: header.revision + 1n },
      });
    });
  });
});
