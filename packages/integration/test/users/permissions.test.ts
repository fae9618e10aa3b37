import { createAuth } from "@etcdkit/auth";
import {
  type BranchOp,
  compare,
  type KeyOrRange,
  type Kv,
  op,
  prefixEnd,
  type TxnParts,
} from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { denied, deniedWrite, sharedAdministration, type TestUser, uniqueName } from "./fixture.js";

describeEachEtcd("permissions", (etcd) => {
  describe.each(["simple", "jwt"] as const)("with %s tokens", (kind) => {
    const administration = sharedAdministration(etcd, kind);
    const { asRoot, addUser, logIn, put } = administration;

    async function as(user: TestUser, act: (kv: Kv) => Promise<void>): Promise<void> {
      await using connection = logIn(user);
      await act(createKv(connection));
    }

    // common/auth_test.go:TestAuthWriteKey
    it("are for the keys that were granted; root needs none", async () => {
      const [mine, other] = [uniqueKey("mine"), uniqueKey("other")];
      const user = await addUser(["readwrite", mine]);
      await put(mine, other);
      await as(user, async (kv) => {
        await kv.put(mine, "bar");
        await expect(kv.get(mine)).resolves.toMatchObject({ version: 2n });
        await expect(kv.put(other, "bar")).rejects.toMatchObject(deniedWrite);
        await expect(kv.delete(other)).rejects.toMatchObject(deniedWrite);
        await expect(kv.get(other)).rejects.toMatchObject(denied);
      });
    });

    it("are to read, to write or both", async () => {
      const [readable, writable] = [uniqueKey("readable"), uniqueKey("writable")];
      const user = await addUser(["read", readable], ["write", writable]);
      await put(readable, writable);
      await as(user, async (kv) => {
        await expect(kv.get(readable)).resolves.toMatchObject({ version: 1n });
        await expect(kv.put(readable, "x")).rejects.toMatchObject(deniedWrite);
        await kv.put(writable, "x");
        await expect(kv.get(writable)).rejects.toMatchObject(denied);
        // The answer would tell what was there.
        await expect(kv.put(writable, "x", { prevKv: true })).rejects.toMatchObject(deniedWrite);
        await expect(kv.delete(writable, { prevKv: true })).rejects.toMatchObject(deniedWrite);
        await kv.delete(writable);
      });
    });

    // common/auth_test.go:TestAuthRoleUpdate
    it("come and go while a user is logged in", async () => {
      const [kept, lent] = [uniqueKey("kept"), uniqueKey("lent")];
      const user = await addUser(["readwrite", kept]);
      await put(kept);
      await as(user, async (kv) => {
        await expect(kv.put(lent, "bar")).rejects.toMatchObject(deniedWrite);
        await asRoot(({ auth }) => auth.roles.grantPermission(user.role, "readwrite", lent));
        await kv.put(lent, "bar");
        await expect(kv.get(lent)).resolves.toMatchObject({ version: 1n });
        await asRoot(({ auth }) => auth.roles.revokePermission(user.role, lent));
        await expect(kv.put(lent, "bar")).rejects.toMatchObject(deniedWrite);
        await expect(kv.get(kept)).resolves.toMatchObject({ version: 1n });
      });
    });

    // common/auth_test.go:TestAuthRoleRevokeDuringOps
    it("are those of all roles that a user has at the time", async () => {
      const [first, second] = [uniqueKey("first"), uniqueKey("second")];
      const user = await addUser(["readwrite", first]);
      const role = uniqueName("role");
      await as(user, async (kv) => {
        await kv.put(first, "bar");
        await asRoot(async ({ auth }) => {
          await auth.roles.add(role);
          await auth.roles.grantPermission(role, "readwrite", second);
          await auth.users.grantRole(user.name, role);
        });
        await kv.put(second, "bar");
        await asRoot(({ auth }) => auth.users.revokeRole(user.name, user.role));
        await expect(kv.put(first, "baz")).rejects.toMatchObject(deniedWrite);
        await kv.put(second, "bar2");
        await expect(kv.get(second)).resolves.toMatchObject({ version: 2n });
      });
    });

    // common/auth_test.go:TestAuthRevokeWithDelete
    it("end with the role that had them", async () => {
      const key = uniqueKey();
      const user = await addUser(["readwrite", key]);
      const role = uniqueName("role");
      await asRoot(async ({ auth }) => {
        await auth.roles.add(role);
        await auth.users.grantRole(user.name, role);
        expect((await auth.users.get(user.name)).roles).toHaveLength(2);
        await auth.roles.delete(role);
        await expect(auth.users.get(user.name)).resolves.toMatchObject({ roles: [user.role] });
        await auth.roles.delete(user.role);
      });
      await as(user, async (kv) => {
        await expect(kv.put(key, "bar")).rejects.toMatchObject(deniedWrite);
      });
    });

    // common/auth_test.go:TestAuthPrefixPerm
    it("of a prefix are for every key that begins with it, and for none other", async () => {
      const [one, two] = [uniqueKey("prefix"), uniqueKey("prefix")];
      const user = await addUser(["readwrite", { prefix: one }]);
      await as(user, async (kv) => {
        for (let i = 0; i < 10; i++) await kv.put(`${one}${i}`, "val");
        await expect(kv.put(prefixEnd(one), "baz")).rejects.toMatchObject(deniedWrite);
        await expect(kv.range({ prefix: one })).resolves.toMatchObject({ count: 10 });
        await expect(kv.range({ prefix: one.slice(0, -2) })).rejects.toMatchObject(denied);
        await expect(kv.range({ from: one })).rejects.toMatchObject(denied);
        await asRoot(({ auth }) => auth.roles.grantPermission(user.role, "readwrite", { prefix: two }));
        for (let i = 0; i < 10; i++) await kv.put(`${two}${i}`, "val");
      });
    });

    it("of ranges that touch are as one of both together", async () => {
      const base = uniqueKey();
      const user = await addUser(
        ["read", { from: `${base}a`, to: `${base}c` }],
        ["readwrite", { from: `${base}c`, to: `${base}e` }],
      );
      await as(user, async (kv) => {
        await expect(kv.range({ from: `${base}a`, to: `${base}e` })).resolves.toMatchObject({ count: 0 });
        await expect(kv.range({ from: `${base}a`, to: `${base}f` })).rejects.toMatchObject(denied);
        await expect(kv.delete({ from: `${base}b`, to: `${base}d` })).rejects.toMatchObject(deniedWrite);
        await kv.delete({ from: `${base}c`, to: `${base}d` });
      });
    });

    // e2e/ctl_v3_auth_test.go:TestCtlV3AuthFromKeyPerm
    it("without an upper end are for every key from the first on, until they are revoked", async () => {
      const user = await addUser(["readwrite", { from: "z" }]);
      await as(user, async (kv) => {
        for (let i = 0; i < 10; i++) await kv.put(`z${i}`, "val");
        for (let length = 1; length <= 10; length++) {
          await kv.put(new Uint8Array(length).fill(0xff), "val");
        }
        await expect(kv.put("x", "baz")).rejects.toMatchObject(deniedWrite);
        await expect(kv.range({ from: "z" })).resolves.toMatchObject({ count: 20 });
        await asRoot(({ auth }) => auth.roles.revokePermission(user.role, { from: "z" }));
        await expect(kv.put("z1", "val")).rejects.toMatchObject(deniedWrite);
      });
      await asRoot(({ connection }) => createKv(connection).delete({ from: "z" }));
    });

    it("of every key are like those of root, for keys", async () => {
      const user = await addUser(["readwrite", { from: "\0" }]);
      await as(user, async (kv) => {
        await kv.put(uniqueKey(), "x");
        await kv.range({ prefix: "" }, { countOnly: true });
      });
    });

    // common/auth_test.go:TestAuthCompact
    const guarded = etcd.has("admission-checks");
    it(`to compact ${guarded ? "are with root alone" : "are not asked for"}`, async () => {
      const key = uniqueKey();
      const user = await addUser(["readwrite", { from: "\0" }]);
      await put(key, key);
      const { header } = await asRoot(({ connection }) => createKv(connection).range(key));
      await as(user, async (kv) => {
        const compacting = kv.compact(header.revision - 1n, { physical: true });
        if (guarded) await expect(compacting).rejects.toMatchObject(deniedWrite);
        else await expect(compacting).resolves.toMatchObject({ header: { revision: header.revision } });
      });
      await asRoot(({ connection }) => createKv(connection).compact(header.revision, { physical: true }));
    });

    describe("in a transaction", () => {
      /** Keys under one prefix: those that end in 2 are granted, those in 1 are not. */
      async function prepared(): Promise<{ user: TestUser; at: (key: string) => string }> {
        const base = uniqueKey("txn");
        const at = (key: string): string => base + key;
        await put(...["c1", "s1", "f1", "c2", "s2", "f2"].map(at));
        const user = await addUser(["readwrite", at("c2")], ["readwrite", at("s2")], ["readwrite", at("f2")]);
        return { user, at };
      }

      // common/auth_test.go:TestAuthTxn
      it.each([
        ["a compare", "c1", "s2", "f2"],
        ["the list that is done", "c2", "s1", "f2"],
        ["the list that is not done", "c2", "s2", "f1"],
      ])("are needed for every key, those of %s included", async (_, compared, success, failure) => {
        const { user, at } = await prepared();
        await as(user, async (kv) => {
          const parts = (c: string, s: string, f: string) => ({
            compare: [compare.version(at(c)).equals(1n)],
            success: [op.range(at(s))],
            failure: [op.range(at(f))],
          });
          await expect(kv.txn(parts("c2", "s2", "f2"))).resolves.toMatchObject({
            succeeded: true,
            responses: [{ count: 1 }],
          });
          await expect(kv.txn(parts(compared, success, failure))).rejects.toMatchObject(deniedWrite);
        });
      });

      it("are needed to write and to delete, too", async () => {
        const { user, at } = await prepared();
        await as(user, async (kv) => {
          const refused = [op.put(at("s1"), "x"), op.delete(at("s1")), op.delete({ prefix: at("") })];
          for (const one of refused) {
            await expect(kv.txn({ success: [one] })).rejects.toMatchObject(deniedWrite);
            await expect(kv.txn({ failure: [one] })).rejects.toMatchObject(deniedWrite);
          }
          await kv.txn({ success: [op.put(at("s2"), "x"), op.delete(at("f2"))] });
        });
      });

      // integration/v3_auth_test.go:TestV3AuthNestedTxnPermissionDenied
      const nested = etcd.has("nested-txn-permissions");
      it(`are ${nested ? "" : "not "}asked for inside a nested one`, async () => {
        const { user, at } = await prepared();
        await as(user, async (kv) => {
          const inner: readonly TxnParts<readonly BranchOp[], readonly BranchOp[]>[] = [
            { compare: [compare.exists(at("c1"))] },
            { success: [op.range(at("s1"))] },
            { success: [op.put(at("s1"), "x")] },
            { failure: [op.delete(at("f1"))] },
            { success: [op.txn({ success: [op.range(at("s1"))] })] },
          ];
          for (const parts of inner) {
            const attempt = kv.txn({ success: [op.txn(parts)] });
            if (nested) await expect(attempt).rejects.toMatchObject(deniedWrite);
            else await expect(attempt).resolves.toMatchObject({ succeeded: true });
          }
          await kv.txn({ success: [op.txn({ success: [op.range(at("s2")), op.put(at("f2"), "x")] })] });
        });
      });

      // integration/v3_auth_test.go:TestReadWithPrevKvInTXN
      const kept = etcd.has("txn-put-permissions");
      it(`to read are ${kept ? "" : "not "}asked for when a put answers with what was there`, async () => {
        const key = uniqueKey();
        const user = await addUser(["write", key]);
        await put(key);
        await as(user, async (kv) => {
          const overwriting = kv.txn({ success: [op.put(key, "new", { prevKv: true })] });
          if (kept) await expect(overwriting).rejects.toMatchObject(deniedWrite);
          else await expect(overwriting).resolves.toMatchObject({ responses: [{ prevKv: { version: 1n } }] });
          const deleting = kv.txn({ success: [op.delete(key, { prevKv: true })] });
          await expect(deleting).rejects.toMatchObject(deniedWrite);
          await kv.txn({ success: [op.put(key, "new")] });
        });
      });
    });

    it("of one key do not let a user into the range that begins with it", async () => {
      const key = uniqueKey();
      const user = await addUser(["readwrite", key]);
      const ranges: readonly KeyOrRange[] = [{ prefix: key }, { from: key }, { from: key, to: `${key}x` }];
      await as(user, async (kv) => {
        await kv.get(key);
        for (const range of ranges) {
          await expect(kv.range(range)).rejects.toMatchObject(denied);
          await expect(kv.delete(range)).rejects.toMatchObject(deniedWrite);
        }
      });
    });

    it("are told to those who have them", async () => {
      const key = uniqueKey();
      const user = await addUser(["read", key]);
      await using connection = logIn(user);
      const { permissions } = await createAuth(connection).roles.get(user.role);
      expect(permissions).toEqual([{ type: "read", keys: new TextEncoder().encode(key) }]);
    });
  });
});
