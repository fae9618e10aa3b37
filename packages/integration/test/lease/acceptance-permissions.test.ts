import { op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { deniedWrite, sharedAdministration, type TestUser } from "../users/fixture.js";
import { expired } from "./expiry.js";

describeEachEtcd("leases and permissions", (etcd) => {
  describe.each(["simple", "jwt"] as const)("with %s tokens", (kind) => {
    const { shared, addUser, logIn } = sharedAdministration(etcd, kind);

    /** The services as a user has them, or as root. */
    function as(user?: TestUser) {
      const connection = user === undefined ? shared.connect() : logIn(user);
      return {
        kv: createKv(connection),
        leases: createLeases(connection),
        [Symbol.asyncDispose]: () => connection.close(),
      };
    }

    // integration/v3_auth_test.go:TestV3AuthWithLeaseRevokeWithRoot, TestV3AuthWithLeaseRevokeWithRootJWT
    it("let the server take away what has expired: it needs no permission", async () => {
      await using root = as();
      const key = uniqueKey();
      const { id } = await root.leases.grant(4);
      await root.kv.put(key, "x", { leaseId: id });
      await expired(root.leases, id);
      expect(await root.leases.timeToLive(id, { keys: true })).toBeUndefined();
      await expect.poll(() => root.kv.get(key), { timeout: 20_000 }).toBeUndefined();
    });

    // integration/v3_auth_test.go:TestV3AuthWithLeaseAttach
    it("let a user revoke another one's lease who may write all of its keys", async () => {
      const base = uniqueKey();
      const one = await addUser(["readwrite", { from: `${base}1`, to: `${base}3` }]);
      const two = await addUser(["readwrite", { from: `${base}2`, to: `${base}4` }]);
      await using first = as(one);
      await using second = as(two);
      const shareable = await first.leases.grant(90);
      await first.kv.put(`${base}2`, "x", { leaseId: shareable.id });
      await second.leases.revoke(shareable.id);
      expect(await first.kv.get(`${base}2`)).toBeUndefined();

      const own = await first.leases.grant(90);
      await first.kv.put(`${base}1`, "x", { leaseId: own.id });
      await expect(second.leases.revoke(own.id)).rejects.toMatchObject(deniedWrite);
      await expect(second.kv.put(`${base}2`, "x", { leaseId: own.id })).rejects.toMatchObject(deniedWrite);
      expect(await first.kv.get(`${base}1`)).toMatchObject({ lease: own.id });
    });

    // integration/v3_auth_test.go:TestPutWithLeaseInTXN
    const guarded = etcd.has("txn-put-permissions");
    it(`${guarded ? "do not " : ""}let a transaction tie a key to a lease with keys that the user may not write`, async () => {
      const [mine, other] = [uniqueKey("mine"), uniqueKey("other")];
      const user = await addUser(["readwrite", mine]);
      await using root = as();
      await using client = as(user);
      const { id } = await root.leases.grant(90);
      await root.kv.put(other, "x", { leaseId: id });
      const tie = client.kv.txn({ success: [op.put(mine, "x", { leaseId: id })] });
      if (guarded) await expect(tie).rejects.toMatchObject(deniedWrite);
      else await expect(tie).resolves.toMatchObject({ succeeded: true });
      await root.leases.revoke(id);
    });
  });
});
