import { once } from "node:events";
import { isKeepAliveHalted } from "@etcdkit/core";
import { createLeases } from "@etcdkit/lease";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";

describeEachEtcd("a lease that is kept alive", (etcd) => {
  const shared = etcd.shared();

  // lease_test.go:TestLeaseKeepAlive
  it("is renewed at once, and each keep-alive ends alone or with all", async () => {
    await using connection = shared.connect();
    await using leases = createLeases(connection);
    const { id, ttlSeconds } = await leases.grant(10);
    const first = leases.keepAlive(id);
    const aborter = new AbortController();
    const second = leases.keepAlive(id, { signal: aborter.signal });
    const third = leases.keepAlive(id, { signal: aborter.signal });
    const reader = first[Symbol.asyncIterator]();
    expect(await reader.next()).toMatchObject({
      value: { id, ttlSeconds, header: { memberId: expect.any(BigInt) } },
    });
    expect(first.isHeld() && second.isHeld()).toBe(true);
    await third.close();
    expect(second.isHeld()).toBe(true);

    aborter.abort(new Error("enough"));
    expect(second.isHeld()).toBe(false);
    expect(isKeepAliveHalted(second.signal.reason, "closed")).toBe(true);
    expect(await Array.fromAsync(second)).toEqual([]);
    expect(first.isHeld()).toBe(true);

    const next = reader.next();
    await leases.close();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(isKeepAliveHalted(first.signal.reason, "closed")).toBe(true);
    // lease_test.go:TestLeaseKeepAliveLoopExit
    expect(isKeepAliveHalted(leases.keepAlive(id).signal.reason, "closed")).toBe(true);
    expect((await leases.timeToLive(id))?.grantedTtlSeconds).toBe(10);
  });

  // lease_test.go:TestLeaseKeepAliveSeconds
  it("is renewed again and again, at a third of its time to live", async () => {
    await using connection = shared.connect();
    await using leases = createLeases(connection);
    const { id, ttlSeconds } = await leases.grant(6);
    const startMs = performance.now();
    let renewals = 0;
    for await (const renewal of leases.keepAlive(id)) {
      expect(renewal.ttlSeconds).toBe(ttlSeconds);
      renewals += 1;
      if (renewals === 4) break;
    }
    const tookMs = performance.now() - startMs;
    // Three times between a quarter and a third; at half of it they would take half as long again.
    expect(tookMs).toBeGreaterThan(3 * 0.23 * ttlSeconds * 1_000);
    expect(tookMs).toBeLessThan(1.45 * ttlSeconds * 1_000);
  });

  // lease_test.go:TestLeaseKeepAliveNotFound
  it("is lost alone when it is revoked, whoever revokes it", async () => {
    await using connection = shared.connect();
    await using leases = createLeases(connection);
    await using others = createLeases(connection);
    const grants = await Promise.all([8, 8, 8].map((ttl) => leases.grant(ttl)));
    const kept = grants.map(({ id }) => leases.keepAlive(id));
    const [one, two, three] = kept;
    if (one === undefined || two === undefined || three === undefined) throw new Error("three");
    for (const keepAlive of kept) await keepAlive[Symbol.asyncIterator]().next();

    const lost = once(one.signal, "abort");
    await others.revoke(one.leaseId);
    await lost;
    expect(isKeepAliveHalted(one.signal.reason, "expired")).toBe(true);
    await expect(Array.fromAsync(one)).rejects.toBe(one.signal.reason);

    const revoked = leases.revoke(two.leaseId);
    await Promise.resolve();
    expect(isKeepAliveHalted(two.signal.reason, "revoked")).toBe(true);
    await revoked;
    expect(three.isHeld()).toBe(true);
  });
});
