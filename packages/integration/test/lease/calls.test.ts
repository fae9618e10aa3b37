import { createClient } from "@connectrpc/connect";
import { compare, type Kv, type Leases, op, utf8 } from "@etcdkit/core";
import { Lease } from "@etcdkit/core/protocol";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

/** An id that nobody else uses. */
function ownId(): bigint {
  return BigInt(Math.floor(Math.random() * 2 ** 50)) + 1n;
}

describeEachEtcd("leases", (etcd) => {
  const shared = etcd.shared();
  let leases: Leases;
  let kv: Kv;
  let close: () => Promise<void>;
  beforeAll(() => {
    const connection = shared.connect();
    leases = createLeases(connection);
    kv = createKv(connection);
    close = () => connection.close();
  });
  afterAll(() => close?.());

  describe("are granted", () => {
    // lease_test.go:TestLeaseGrant, integration/v3_lease_test.go:TestV3LeaseGrantByID
    it("with an id of the server's or of one's own, once", async () => {
      const key = uniqueKey();
      const { id, ttlSeconds, header } = await leases.grant(10);
      expect([ttlSeconds, id > 0n, header.revision > 0n]).toEqual([10, true, true]);
      await kv.put(key, "bar", { leaseId: id });
      expect((await kv.get(key))?.lease).toBe(id);

      const own = ownId();
      expect(await leases.grant(10, { id: own })).toMatchObject({ id: own, ttlSeconds: 10 });
      await expect(leases.grant(10, { id: own })).rejects.toMatchObject({
        code: "LEASE_EXIST",
        outcome: "not-applied",
      });
      expect((await leases.grant(10)).id).not.toBe(own);
    });

    // integration/v3_lease_test.go:TestV3LeaseNegativeID
    it("with negative ids, and revoked with all their keys", async () => {
      for (const id of [-ownId(), -(2n ** 63n)]) {
        const key = uniqueKey();
        expect((await leases.grant(10, { id })).id).toBe(id);
        await kv.put(key, "bar", { leaseId: id });
        expect((await leases.timeToLive(id, { keys: true }))?.keys.map(utf8)).toEqual([key]);
        expect((await leases.keepAliveOnce(id)).id).toBe(id);
        await leases.revoke(id);
        expect(await kv.get(key)).toBeUndefined();
      }
    });

    it("for as long as the server thinks fit: a short one for longer", async () => {
      const { id, ttlSeconds } = await leases.grant(1);
      expect(ttlSeconds).toBe(2);
      expect((await leases.timeToLive(id))?.grantedTtlSeconds).toBe(2);
    });

    // lease_test.go:TestLeaseGrant
    it("for no longer than nine billion seconds, which is checked here; the server says the same", async () => {
      await expect(leases.grant(9_000_000_001)).rejects.toThrow(RangeError);
      await using connection = shared.connect();
      const raw = createClient(Lease, connection.transport);
      await expect(raw.leaseGrant({ TTL: 9_000_000_001n })).rejects.toMatchObject({
        code: "LEASE_TTL_TOO_LARGE",
      });
      const { id, ttlSeconds } = await leases.grant(9_000_000_000);
      expect(ttlSeconds).toBe(9_000_000_000);
      await leases.revoke(id);
    });
  });

  describe("hold keys", () => {
    // lease_test.go:TestLeaseNotFoundError, integration/v3_lease_test.go:TestV3LeaseExists
    it("only while they exist", async () => {
      const missing = { code: "LEASE_NOT_FOUND", outcome: "not-applied" };
      await expect(kv.put(uniqueKey(), "bar", { leaseId: ownId() })).rejects.toMatchObject(missing);
      await expect(leases.revoke(ownId())).rejects.toMatchObject(missing);
    });

    // lease_test.go:TestLeaseRevoke, common/lease_test.go:TestLeaseGrantRevoke
    it("and take them along when they are revoked", async () => {
      const key = uniqueKey();
      const { id } = await leases.grant(10);
      await kv.put(key, "bar", { leaseId: id });
      const { header } = await leases.revoke(id);
      expect(header.revision).toBeGreaterThan(0n);
      expect(await kv.get(key)).toBeUndefined();
      await expect(kv.put(key, "bar", { leaseId: id })).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
    });

    // integration/v3_lease_test.go:TestV3LeaseExpire, common/lease_test.go:TestLeaseGrantTimeToLiveExpired
    it("and take them along when they expire", async () => {
      const key = uniqueKey();
      const startMs = performance.now();
      const { id, ttlSeconds } = await leases.grant(4);
      await kv.put(key, "bar", { leaseId: id });
      await expect.poll(() => kv.get(key), { timeout: 30_000, interval: 20 }).toBeUndefined();
      expect(performance.now() - startMs).toBeGreaterThan(ttlSeconds * 1_000 - 100);
      expect(await leases.timeToLive(id)).toBeUndefined();
      await expect(leases.keepAliveOnce(id)).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
    });

    // integration/v3_lease_test.go:TestV3LeaseSwitch
    it("until a key moves to another lease, or to none", async () => {
      const key = uniqueKey();
      const [one, two] = [await leases.grant(30), await leases.grant(30)];
      await kv.put(key, "bar", { leaseId: one.id });
      await kv.put(key, "bar", { leaseId: two.id });
      await leases.revoke(one.id);
      expect((await kv.get(key))?.lease).toBe(two.id);
      await kv.put(key, "bar");
      await leases.revoke(two.id);
      expect((await kv.get(key))?.lease).toBe(0n);
    });

    // integration/v3_auth_test.go:TestPutWithLeaseInTXN, client/v3/compare_test.go:TestCompareLease
    it("that transactions tie to them and compare by them", async () => {
      const [key, other] = [uniqueKey(), uniqueKey()];
      const { id } = await leases.grant(30);
      const tie = [op.put(key, "1", { leaseId: id }), op.put(other, "2", { leaseId: id })] as const;
      const first = await kv.txn({ compare: [compare.lease(key).equals(0n)], success: tie });
      const second = await kv.txn({ compare: [compare.lease(key).equals(id)], success: [op.delete(other)] });
      expect([first.succeeded, second.succeeded]).toEqual([true, true]);
      expect((await leases.timeToLive(id, { keys: true }))?.keys.map(utf8)).toEqual([key]);
      await leases.revoke(id);
      expect(await kv.get(key)).toBeUndefined();
    });
  });

  describe("tell how they stand", () => {
    // lease_test.go:TestLeaseTimeToLive, common/lease_test.go:TestLeaseGrantTimeToLive
    it("with or without their keys", async () => {
      const prefix = uniqueKey();
      const { id } = await leases.grant(100);
      for (const name of ["a", "b"]) await kv.put(`${prefix}${name}`, "x", { leaseId: id });
      const plain = await leases.timeToLive(id);
      expect(plain).toMatchObject({ id, grantedTtlSeconds: 100, keys: [] });
      expect(plain?.ttlSeconds).toBeGreaterThanOrEqual(80);
      expect(plain?.ttlSeconds).toBeLessThanOrEqual(100);
      const full = await leases.timeToLive(id, { keys: true });
      expect(full?.keys.map(utf8).sort()).toEqual([`${prefix}a`, `${prefix}b`]);
    });

    // lease_test.go:TestLeaseTimeToLiveLeaseNotFound, integration/v3_lease_test.go
    it("by undefined when the server does not know them", async () => {
      const { id } = await leases.grant(10);
      await leases.revoke(id);
      expect(await leases.timeToLive(id)).toBeUndefined();
    });

    // lease_test.go:TestLeaseLeases, common/lease_test.go:TestLeaseGrantAndList
    it("by a list, the first to expire first", async () => {
      const known = new Set((await leases.list()).ids);
      const mine = async () => (await leases.list()).ids.filter((id) => !known.has(id));
      expect(await mine()).toEqual([]);
      const granted: bigint[] = [];
      for (let i = 0; i < 5; i++) granted.push((await leases.grant(100 + i)).id);
      expect(await mine()).toEqual(granted);
      for (const id of granted) await leases.revoke(id);
      expect(await mine()).toEqual([]);
    });
  });

  describe("are renewed once", () => {
    // lease_test.go:TestLeaseKeepAliveOnce, common/lease_test.go:TestLeaseGrantKeepAliveOnce
    it("and live on from then", async () => {
      const key = uniqueKey();
      const { id } = await leases.grant(4);
      await kv.put(key, "bar", { leaseId: id });
      const untilMs = performance.now() + 6_000;
      while (performance.now() < untilMs) {
        expect(await leases.keepAliveOnce(id)).toMatchObject({ id, ttlSeconds: 4 });
        expect(await kv.get(key)).toBeDefined();
      }
    });

    // lease_test.go:TestLeaseKeepAliveOnce
    it("only while they exist; 0n is no lease at all", async () => {
      await expect(leases.keepAliveOnce(ownId())).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
      await expect(leases.keepAliveOnce(0n)).rejects.toThrow(RangeError);
    });

    // e2e/v3_lease_no_proxy_test.go:TestLeaseRevokeDuringRenew, integration/v3_lease_test.go:TestV3LeaseRenewStress
    it("and never again after their revocation was acknowledged", async () => {
      for (let round = 0; round < 20; round++) {
        const { id } = await leases.grant(30);
        const renewing = Array.from({ length: 10 }, () =>
          leases.keepAliveOnce(id).catch((error) => error.code),
        );
        await leases.revoke(id);
        const after = leases.keepAliveOnce(id);
        await expect(after).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
        for (const end of await Promise.all(renewing)) {
          expect(end === "LEASE_NOT_FOUND" || end.ttlSeconds === 30).toBe(true);
        }
      }
    });
  });

  // integration/v3_lease_test.go:TestV3LeaseTimeToLiveStress
  it("stand many questions at once", async () => {
    const { id } = await leases.grant(600);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => (i % 2 === 0 ? leases.timeToLive(id) : leases.keepAliveOnce(id))),
    );
    expect(answers.every((answer) => answer?.id === id)).toBe(true);
  });

  // lease_test.go:TestLeaseGrantErrConnClosed, TestLeaseGrantNewAfterClose, TestLeaseRevokeNewAfterClose
  it("cannot be had over a connection that is closed", async () => {
    const connection = shared.connect();
    const late = createLeases(connection);
    await connection.close();
    const after = createLeases(connection);
    for (const closed of [late, after]) {
      await expect(closed.grant(5)).rejects.toMatchObject({ code: "CLOSED" });
      await expect(closed.revoke(5n)).rejects.toMatchObject({ code: "CLOSED" });
      await expect(closed.timeToLive(5n)).rejects.toMatchObject({ code: "CLOSED" });
      await expect(closed.list()).rejects.toMatchObject({ code: "CLOSED" });
      await expect(closed.keepAliveOnce(5n)).rejects.toMatchObject({ code: "CLOSED" });
      expect(closed.keepAlive(5n).signal.reason).toMatchObject({
        code: "KEEPALIVE_HALTED",
        reason: "closed",
      });
    }
  });
});
