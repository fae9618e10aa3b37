import { createKv } from "@etcdkit/kv";
import { authRevision, type EtcdOptions } from "@etcdkit/testing";
import { afterAll, describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { addUser, authOf, credentialsOf } from "./users.js";
import { secretValue, Witness } from "./witness.js";

const kinds = ["simple", "jwt"] as const;

// The cases change users and switch authentication off, so that each has a cluster of its own.
describeEachEtcd("when users change", (etcd) => {
  const witness = new Witness();
  afterAll(() => witness.expectSecretsKept());

  async function start(auth: (typeof kinds)[number], options: Omit<EtcdOptions, "version" | "auth"> = {}) {
    const cluster = await etcd.start({ ...options, auth });
    if (cluster.auth === undefined) throw new Error("the cluster has no users");
    const { root, reader } = cluster.auth;
    return { cluster, root, reader, [Symbol.asyncDispose]: () => cluster.close() };
  }

  describe.each(kinds)("%s tokens:", (kind) => {
    // common/auth_test.go:TestAuthDisable
    it("once authentication is off, a user may write what it was denied, on the same connection", async () => {
      await using fixture = await start(kind);
      await using root = witness.connect(fixture.cluster);
      await using reader = witness.connect(fixture.cluster, { credentials: credentialsOf(fixture.reader) });
      const kv = createKv(reader);
      await expect(witness.failureOf(kv.put("hoo", secretValue))).resolves.toMatchObject({
        code: "PERMISSION_DENIED",
        outcome: "not-applied",
      });
      await authOf(root).authDisable({});
      await kv.put("hoo", "bar");
      await createKv(root).put("hoo", "baz");
      await expect(kv.get("hoo")).resolves.toMatchObject({ version: 2n });
    });

    // integration/v3_auth_test.go:TestV3AuthTokenWithDisable
    it("writes go on without an error while authentication is switched off", async () => {
      await using fixture = await start(kind);
      await using connection = witness.connect(fixture.cluster);
      const kv = createKv(connection);
      let writes = 0;
      let done = false;
      const writer = async (): Promise<void> => {
        while (!done) {
          await kv.put("abc", "def");
          writes += 1;
        }
      };
      const atLeast = (count: number) =>
        expect.poll(() => writes, { timeout: 30_000 }).toBeGreaterThan(count);
      const administrator = async (): Promise<void> => {
        try {
          await atLeast(50);
          await authOf(connection).authDisable({});
          await atLeast(writes + 50);
        } finally {
          done = true;
        }
      };
      await Promise.all([administrator(), writer(), writer(), writer()]);
      await expect(kv.get("abc")).resolves.toMatchObject({ version: BigInt(writes) });
    });

    // common/auth_test.go:TestAuthUserDeleteDuringOps
    it("a user that was deleted is refused with the reason of its new log-in", async () => {
      await using fixture = await start(kind);
      await using root = witness.connect(fixture.cluster);
      await addUser(authOf(root), { name: "test-user", password: "canary-password-4411", key: "foo" });
      await using user = witness.connect(fixture.cluster, {
        credentials: { username: "test-user", password: "canary-password-4411" },
      });
      const kv = createKv(user);
      await kv.put("foo", "bar");
      await authOf(root).userDelete({ name: "test-user" });
      await expect(witness.failureOf(kv.put("foo", secretValue))).resolves.toMatchObject({
        code: "AUTH_FAILED",
        outcome: "not-applied",
      });
      await expect(witness.failureOf(kv.get("foo"))).resolves.toMatchObject({ code: "AUTH_FAILED" });
      await expect(createKv(root).get("foo")).resolves.toMatchObject({ version: 1n });
    });

    // integration/v3_auth_test.go:TestV3AuthOldRevConcurrent
    it("writes never fail while roles and users are added beside them", async () => {
      await using fixture = await start(kind);
      await using connection = witness.connect(fixture.cluster);
      const [auth, kv] = [authOf(connection), createKv(connection)];
      const one = async (i: number): Promise<void> => {
        await addUser(auth, { name: `user-${i}`, password: `canary-password-00${i}`, key: "a" });
        await kv.put("a", "b");
        await auth.userDelete({ name: `user-${i}` });
        await kv.put("a", "c");
      };
      await Promise.all(Array.from({ length: 8 }, (_, i) => one(i)));
      await expect(kv.get("a")).resolves.toMatchObject({ version: 16n });
    });

    // common/auth_test.go:TestAuthTestCacheReload
    it("permissions are as they were after a restart of the member", async () => {
      await using fixture = await start(kind);
      await using root = witness.connect(fixture.cluster);
      await addUser(authOf(root), { name: "test-user", password: "canary-password-5522", key: "foo" });
      await using user = witness.connect(fixture.cluster, {
        credentials: { username: "test-user", password: "canary-password-5522" },
      });
      const kv = createKv(user);
      await kv.put("foo", "bar");
      await fixture.cluster.restart();
      await kv.put("foo", "bar2");
      await expect(kv.get("foo")).resolves.toMatchObject({ version: 2n });
      await expect(witness.failureOf(kv.put("hoo", secretValue))).resolves.toMatchObject({
        code: "PERMISSION_DENIED",
      });
    });
  });

  // common/auth_test.go:TestAuthRevisionConsistency
  it("the revision of users and roles outlives a restart of the member", async () => {
    await using fixture = await start("jwt");
    const { cluster, root } = fixture;
    await using connection = witness.connect(cluster);
    const auth = authOf(connection);
    await auth.userAdd({ name: "test-user", password: "canary-password-6633" });
    await auth.userDelete({ name: "test-user" });
    const before = await authRevision(connection.transport, root);
    await cluster.restart();
    await expect(authRevision(connection.transport, root)).resolves.toBe(before);
    await auth.userAdd({ name: "another", password: "canary-password-7744" });
    await expect(authRevision(connection.transport, root)).resolves.toBe(before + 1n);
  });
});
