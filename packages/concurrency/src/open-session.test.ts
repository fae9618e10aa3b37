import { getEventListeners } from "node:events";
import { isKeepAliveHalted } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { openSession } from "./open-session.js";
import type { Session } from "./session.js";

function leaseOf(etcd: FakeEtcd, session: Session) {
  const lease = etcd.leases.get(session.leaseId);
  if (lease === undefined) throw new Error("the session has no lease");
  return lease;
}

describe("openSession", () => {
  it("grants a lease of 60 seconds with an id of its own, and keeps it until it is closed", async () => {
    const etcd = new FakeEtcd();
    const session = await openSession(etcd.services());
    expect([...etcd.leases.keys()]).toEqual([session.leaseId]);
    expect(session.leaseId).toBeGreaterThan(0n);
    expect([session.ttlSeconds, session.isHeld(), session.remainingMs()]).toEqual([60, true, 60_000]);
    await session[Symbol.asyncDispose]();
    await session.close();
    expect(etcd.leases.size).toBe(0);
    expect(session.signal.reason).toMatchObject({ code: "CLOSED", message: "the session was closed" });
    expect([session.isHeld(), session.remainingMs()]).toEqual([false, 0]);
  });

  it("is lost with its lease, and says why", async () => {
    const etcd = new FakeEtcd();
    const session = await openSession(etcd.services(), { ttlSeconds: 5 });
    leaseOf(etcd, session).remainingMs = 0;
    expect([session.isHeld(), session.signal.aborted]).toEqual([false, false]);
    leaseOf(etcd, session).halt("deadline");
    expect(session.signal.reason).toMatchObject({
      code: "SESSION_LOST",
      message: expect.stringContaining("no renewal succeeded in time"),
    });
    expect(isKeepAliveHalted(session.signal.reason.cause, "deadline")).toBe(true);
  });

  it("leaves its lease alone when it is orphaned, also when it is closed afterwards", async () => {
    const etcd = new FakeEtcd();
    const session = await openSession(etcd.services());
    await session.orphan();
    await session.orphan();
    expect(session.signal.reason).toMatchObject({ code: "CLOSED" });
    await session.close();
    expect(etcd.leases.has(session.leaseId)).toBe(true);
  });

  it("adopts a lease, whatever its time to live", async () => {
    const etcd = new FakeEtcd();
    const before = await openSession(etcd.services(), { ttlSeconds: 7 });
    await before.orphan();
    const after = await openSession(etcd.services(), { leaseId: before.leaseId, ttlSeconds: 90 });
    expect([after.leaseId, after.ttlSeconds, after.isHeld()]).toEqual([before.leaseId, 7, true]);
    await after.close();
    expect(etcd.leases.size).toBe(0);
    await expect(openSession(etcd.services(), { leaseId: before.leaseId })).rejects.toMatchObject({
      code: "LEASE_NOT_FOUND",
    });
  });

  it("follows a signal: while it opens, and for as long as it is open", async () => {
    const etcd = new FakeEtcd();
    const reason = new Error("no more");
    const early = new AbortController();
    etcd.onStep = () => early.abort(reason);
    await expect(openSession(etcd.services(), { signal: early.signal })).rejects.toBe(reason);
    etcd.onStep = () => undefined;

    const later = new AbortController();
    const session = await openSession(etcd.services(), { signal: later.signal });
    later.abort(reason);
    expect(session.signal.reason).toMatchObject({ code: "CLOSED" });
    expect(etcd.leases.has(session.leaseId)).toBe(true);
    await session.close();
    expect(etcd.leases.has(session.leaseId)).toBe(false);
    expect(getEventListeners(later.signal, "abort")).toHaveLength(0);
  });

  it("ends when it is asked whether its lease lives, and it does not", async () => {
    const etcd = new FakeEtcd();
    const session = await openSession(etcd.services());
    await session.check();
    etcd.expire(session.leaseId);
    expect(session.isHeld()).toBe(true);
    await expect(session.check()).rejects.toMatchObject({ code: "SESSION_LOST" });
    expect(session.signal.reason).toMatchObject({ code: "SESSION_LOST" });
    await expect(session.check()).rejects.toBe(session.signal.reason);
    await expect(session.check({ retries: 1 } as never)).rejects.toThrow(TypeError);
  });

  it("refuses services of different namespaces, and bad options, before anything is sent", async () => {
    const etcd = new FakeEtcd();
    const plain = etcd.services();
    const inside = etcd.services(new Uint8Array([0x61]));
    for (const name of ["kv", "leases", "watcher"] as const) {
      await expect(openSession({ ...plain, [name]: inside[name] })).rejects.toThrow(/key prefixes differ/);
    }
    for (const [services, message] of [
      [undefined, "services.kv must be a Kv"],
      [{ ...plain, kv: plain }, "services.kv must be a Kv"],
      [{ ...plain, watcher: undefined }, "services.watcher must be a Watcher"],
      [{ ...plain, leases: plain.kv }, "services.leases must be Leases"],
    ] as const) {
      await expect(openSession(services as never)).rejects.toThrow(new TypeError(message));
    }
    await expect(openSession(plain, { ttlSeconds: 0 })).rejects.toThrow(RangeError);
    await expect(openSession(plain, { leaseId: 0n })).rejects.toThrow(RangeError);
    await expect(openSession(plain, { ttl: 5 } as never)).rejects.toThrow('unknown option "ttl"');
    expect(etcd.leases.size).toBe(0);
    await (await openSession(inside)).close();
  });
});
