import { openSession } from "@etcdkit/concurrency";
import { isKeepAliveHalted } from "@etcdkit/core";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { participant, servicesOf } from "./ground.js";

describeEachEtcd("a session", (etcd) => {
  const shared = etcd.shared();

  // session_test.go:TestSessionOptions
  it.concurrent("keeps the lease that it is given, and is over at once when it is orphaned", async () => {
    await using connection = shared.connect();
    const services = servicesOf(connection);
    const { id } = await services.leases.grant(20);
    const session = await openSession(services, { leaseId: id });
    expect([session.leaseId, session.ttlSeconds]).toEqual([id, 20]);
    const orphaned = session.orphan();
    expect(session.signal.aborted).toBe(true);
    await orphaned;
    expect((await services.leases.timeToLive(id))?.ttlSeconds).toBeGreaterThan(0);
    await session.close();
    expect(await services.leases.timeToLive(id)).toBeDefined();
  });

  // session_test.go:TestSessionTTLOptions
  it.concurrent("is granted the time to live that it asks for, and a minute if it does not", async () => {
    await using connection = shared.connect();
    const services = servicesOf(connection);
    await using long = await openSession(services, { ttlSeconds: 90 });
    const standing = await services.leases.timeToLive(long.leaseId);
    expect(standing?.ttlSeconds).toBeGreaterThanOrEqual(70);
    expect(standing?.grantedTtlSeconds).toBe(90);
    await using usual = await openSession(services);
    expect((await services.leases.timeToLive(usual.leaseId))?.grantedTtlSeconds).toBe(60);
  });

  // F70
  it.concurrent("goes by the time to live that it was granted, not the one that it asked for", async () => {
    const startMs = performance.now();
    await using one = await participant(shared.connect(), { ttlSeconds: 1 });
    const { ttlSeconds, leaseId } = one.session;
    expect(ttlSeconds).toBeGreaterThanOrEqual(2);
    // Counted from when the lease was last asked for, less a margin, and that was not before the start.
    expect(one.session.remainingMs() + performance.now() - startMs).toBeGreaterThan(1_500);
    expect((await one.services.leases.timeToLive(leaseId))?.grantedTtlSeconds).toBe(ttlSeconds);
  });

  // session_test.go:TestSessionCtx
  it.concurrent("aborts its signal when it is orphaned, closed or lost", async () => {
    await using connection = shared.connect();
    const services = servicesOf(connection);
    const orphaned = await openSession(services);
    await orphaned.orphan();
    expect(orphaned.signal.reason).toMatchObject({ code: "CLOSED" });
    const closed = await openSession(services);
    await closed.close();
    expect(closed.signal.reason).toMatchObject({ code: "CLOSED" });
    expect(await services.leases.timeToLive(closed.leaseId)).toBeUndefined();
    const lost = await openSession(services);
    await services.leases.revoke(lost.leaseId);
    expect(lost.signal.reason).toMatchObject({ code: "SESSION_LOST" });
    expect(isKeepAliveHalted(lost.signal.reason.cause, "revoked")).toBe(true);
    expect(lost.isHeld()).toBe(false);
  });

  it.concurrent("takes its keys along when it is closed", async () => {
    await using one = await participant(shared.connect());
    await using other = await participant(shared.connect());
    const key = uniqueKey("session");
    const { kv } = one.services;
    await kv.put(key, "here", { leaseId: one.session.leaseId });
    await one.session.close();
    expect(await other.services.kv.get(key)).toBeUndefined();
  });

  it.concurrent("does not open on a lease that is not there", async () => {
    await using connection = shared.connect();
    await expect(openSession(servicesOf(connection), { leaseId: 12345n })).rejects.toMatchObject({
      code: "LEASE_NOT_FOUND",
    });
  });

  it.concurrent("learns at once that its lease is gone when it is told to ask", async () => {
    await using one = await participant(shared.connect());
    await using other = await participant(shared.connect());
    await other.services.leases.revoke(one.session.leaseId);
    await expect(one.session.check()).rejects.toMatchObject({ code: "SESSION_LOST" });
    expect(one.session.signal.aborted).toBe(true);
    await other.session.check();
  });
});
