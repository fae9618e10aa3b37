import { EtcdError, isKeepAliveHalted, type Leases } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { headerAt } from "../../core/test/header-at.js";
import { FakeMembers } from "../test/fake-members.js";
import { createLeases } from "./create-leases.js";
import { openLease } from "./open-lease.js";

const header = headerAt(1n);

function onMembers() {
  const members = new FakeMembers();
  members.onAsked = (stream, id) => stream.answer(id, 10);
  const revoke = vi.fn<Leases["revoke"]>(async () => ({ header }));
  const grant = vi.fn<Leases["grant"]>(async (ttlSeconds, options) => ({
    header,
    id: options?.id ?? 7n,
    ttlSeconds: Math.max(ttlSeconds, 2),
  }));
  const leases: Leases = { ...createLeases(members, { clock: members.clock }), grant, revoke };
  return { members, leases, grant, revoke };
}

describe("openLease", () => {
  it("grants a lease and resolves once it is held", async () => {
    const { leases, members, grant } = onMembers();
    members.onAsked = () => undefined;
    const opened = vi.fn();
    const opening = openLease(leases, { ttlSeconds: 1, id: 5n, timeoutMs: 50 });
    void opening.then(opened);
    await members.clock.settle();
    expect(opened).not.toHaveBeenCalled();
    expect(grant).toHaveBeenCalledWith(1, { id: 5n, timeoutMs: 50 });
    members.stream().answer(5n, 2);
    const lease = await opening;
    expect(lease).toMatchObject({ id: 5n, ttlSeconds: 2 });
    expect([lease.isHeld(), lease.remainingMs(), lease.signal.aborted]).toEqual([true, 1_900, false]);
    await lease.close();
  });

  it("revokes the lease when it is disposed of, once", async () => {
    const { leases, members, revoke } = onMembers();
    const lease = await openLease(leases, { ttlSeconds: 10 });
    await lease[Symbol.asyncDispose]();
    await lease.close();
    expect(revoke.mock.calls).toEqual([[7n, { idempotent: true, timeoutMs: 10_000 }]]);
    expect(lease.isHeld()).toBe(false);
    expect(isKeepAliveHalted(lease.signal.reason, "closed")).toBe(true);
    await members.clock.settle();
    expect(members.clock.timers).toEqual([]);
  });

  it("says when it could not be revoked, unless it was gone or lost already", async () => {
    const { leases, members, revoke } = onMembers();
    const failure = new EtcdError("UNAVAILABLE", "no");
    revoke.mockRejectedValueOnce(failure);
    const one = await openLease(leases, { ttlSeconds: 10 });
    await expect(one.close()).rejects.toBe(failure);

    revoke.mockRejectedValueOnce(new EtcdError("LEASE_NOT_FOUND", "no"));
    await (await openLease(leases, { ttlSeconds: 10 })).close();

    const lost = await openLease(leases, { ttlSeconds: 10 });
    members.onAsked = () => undefined;
    await members.clock.advance(10_000);
    expect(lost.signal.aborted).toBe(true);
    revoke.mockRejectedValueOnce(failure);
    await lost.close();
    expect(revoke).toHaveBeenCalledTimes(3);

    members.onAsked = (stream, id) => stream.answer(id, 10);
    const expired = await openLease(leases, { ttlSeconds: 10 });
    members.onAsked = (stream, id) => stream.answer(id, 0);
    await members.clock.advance(10_000);
    expect(isKeepAliveHalted(expired.signal.reason, "expired")).toBe(true);
    await expired.close();
    expect(revoke).toHaveBeenCalledTimes(3);
  });

  it("rejects when the lease is lost before it is held, and revokes it all the same", async () => {
    const { leases, members, revoke } = onMembers();
    members.onAsked = () => undefined;
    const opening = expect(openLease(leases, { ttlSeconds: 10 })).rejects.toMatchObject({
      code: "KEEPALIVE_HALTED",
      reason: "deadline",
    });
    await members.clock.advance(10_000);
    await opening;
    await members.clock.settle();
    expect(revoke).toHaveBeenCalledOnce();
  });

  it("follows a signal: while it opens, and for as long as the lease is open", async () => {
    const { leases, members } = onMembers();
    const reason = new Error("no more");
    const later = new AbortController();
    const lease = await openLease(leases, { ttlSeconds: 10, signal: later.signal });
    later.abort(reason);
    expect(isKeepAliveHalted(lease.signal.reason, "closed")).toBe(true);

    members.onAsked = () => undefined;
    const early = new AbortController();
    const opening = expect(openLease(leases, { ttlSeconds: 10, signal: early.signal })).rejects.toBe(reason);
    await members.clock.settle();
    early.abort(reason);
    await opening;
    await leases.close();
    await expect(openLease(leases, { ttlSeconds: 10 })).rejects.toMatchObject({ reason: "closed" });
  });

  it("refuses bad options before anything is sent", async () => {
    const { leases, grant } = onMembers();
    await expect(openLease(leases, { ttlSeconds: 0 })).rejects.toThrow(RangeError);
    await expect(openLease(leases, {} as never)).rejects.toThrow(
      new TypeError("ttlSeconds must be a number"),
    );
    await expect(openLease(leases, undefined as never)).rejects.toThrow(TypeError);
    await expect(openLease(leases, { ttlSeconds: 1, id: 0n })).rejects.toThrow(RangeError);
    await expect(openLease(leases, { ttlSeconds: 1, keys: true } as never)).rejects.toThrow(TypeError);
    expect(grant).not.toHaveBeenCalled();
  });
});
