import { setTimeout as delay } from "node:timers/promises";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

describeEachEtcd("the keys of a lease", (etcd) => {
  const shared = etcd.shared();

  // integration/v3_lease_test.go:TestV3LeaseKeepAlive, TestV3LeaseRevoke
  it("stay while it is kept alive, beyond its time to live, and go with its revocation", async () => {
    await using connection = shared.connect();
    await using leases = createLeases(connection);
    const kv = createKv(connection);
    const key = uniqueKey();
    const { id, ttlSeconds } = await leases.grant(5);
    await kv.put(key, "x", { leaseId: id });
    const keepAlive = leases.keepAlive(id);
    await delay((ttlSeconds + 2) * 1_000);
    expect(keepAlive.isHeld()).toBe(true);
    expect(await kv.get(key)).toMatchObject({ lease: id, version: 1n });
    await leases.revoke(id);
    expect(await kv.get(key)).toBeUndefined();
  });

  // integration/v3_lease_test.go:TestV3LeaseRecoverAndRevoke, TestV3LeaseRevokeAndRecover,
  // TestV3LeaseRecoverKeyWithDetachedLease, TestV3LeaseRecoverKeyWithMutipleLease
  it("are the same after a restart of the server", async () => {
    await using connection = shared.connect();
    const [kv, leases] = [createKv(connection), createLeases(connection)];
    const grant = async (): Promise<bigint> => (await leases.grant(300)).id;
    const [kept, revoked, detached, older, newer] = [
      await grant(),
      await grant(),
      await grant(),
      await grant(),
      await grant(),
    ];
    const [held, gone, loose, moved] = [uniqueKey(), uniqueKey(), uniqueKey(), uniqueKey()];
    await kv.put(held, "x", { leaseId: kept });
    await kv.put(gone, "x", { leaseId: revoked });
    await leases.revoke(revoked);
    await kv.put(loose, "x", { leaseId: detached });
    await kv.put(loose, "x");
    await kv.put(moved, "x", { leaseId: older });
    await kv.put(moved, "x", { leaseId: newer });

    await shared.cluster.members[0]?.restart();

    expect(await kv.get(gone)).toBeUndefined();
    expect(await leases.timeToLive(revoked)).toBeUndefined();
    await leases.revoke(kept, { idempotent: true });
    expect(await kv.get(held)).toBeUndefined();
    await leases.revoke(detached);
    expect(await kv.get(loose)).toMatchObject({ lease: 0n });
    await leases.revoke(older);
    expect(await kv.get(moved)).toMatchObject({ lease: newer });
    await leases.revoke(newer);
    expect(await kv.get(moved)).toBeUndefined();
  });
});
