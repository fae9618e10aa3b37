import { getEventListeners } from "node:events";
import { isKeepAliveHalted, KeepAliveHaltedError, type Leases } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { FakeMembers } from "../test/fake-members.js";
import { adoptLease } from "./adopt-lease.js";
import { createLeases } from "./create-leases.js";

function onMembers() {
  const members = new FakeMembers();
  members.onAsked = (stream, id) => stream.answer(id, 10);
  const revoke = vi.fn<Leases["revoke"]>(async () => ({ header: undefined as never }));
  return { members, revoke, leases: { ...createLeases(members, { clock: members.clock }), revoke } };
}

describe("adoptLease", () => {
  it("keeps a lease alive that somebody else granted, for as long as that was granted", async () => {
    const { leases, members, revoke } = onMembers();
    const lease = await adoptLease(leases, 7n);
    expect([lease.id, lease.ttlSeconds, lease.isHeld()]).toEqual([7n, 10, true]);
    await members.clock.advance(60_000);
    expect(lease.isHeld()).toBe(true);
    await lease.close();
    expect(revoke.mock.calls).toEqual([[7n, { idempotent: true, timeoutMs: 10_000 }]]);
  });

  it("leaves it to the next one without revoking it, also when it is closed afterwards", async () => {
    const { leases, members, revoke } = onMembers();
    const lease = await adoptLease(leases, 7n);
    await lease.leave();
    await lease.leave();
    await lease.close();
    expect(isKeepAliveHalted(lease.signal.reason, "closed")).toBe(true);
    expect(revoke).not.toHaveBeenCalled();
    expect(members.clock.timers).toEqual([]);
  });

  it("rejects with LEASE_NOT_FOUND when there is none, and with what halted it otherwise", async () => {
    const { leases, members, revoke } = onMembers();
    members.onAsked = (stream, id) => stream.answer(id, 0);
    await expect(adoptLease(leases, 7n)).rejects.toMatchObject({ code: "LEASE_NOT_FOUND" });
    members.onAsked = () => undefined;
    const late = expect(adoptLease(leases, 7n)).rejects.toMatchObject({ reason: "deadline" });
    await members.clock.advance(10_000);
    await late;
    expect(revoke).not.toHaveBeenCalled();
  });

  it("follows a signal: while it adopts, and for as long as the lease is open", async () => {
    const { leases, members, revoke } = onMembers();
    const reason = new Error("no more");
    const later = new AbortController();
    const lease = await adoptLease(leases, 7n, { signal: later.signal });
    later.abort(reason);
    expect(isKeepAliveHalted(lease.signal.reason, "closed")).toBe(true);
    expect(getEventListeners(later.signal, "abort")).toHaveLength(0);

    members.onAsked = () => undefined;
    const early = new AbortController();
    const adopting = expect(adoptLease(leases, 7n, { signal: early.signal })).rejects.toBe(reason);
    await members.clock.settle();
    early.abort(reason);
    await adopting;
    await expect(adoptLease(leases, 7n, { signal: early.signal })).rejects.toBe(reason);

    // The loss of another lease is a reason like any other.
    const ofAnother = new KeepAliveHaltedError(8n, "expired");
    const controller = new AbortController();
    const given = expect(adoptLease(leases, 7n, { signal: controller.signal })).rejects.toBe(ofAnother);
    await members.clock.settle();
    controller.abort(ofAnother);
    await given;
    expect(revoke).not.toHaveBeenCalled();
  });

  it("refuses bad arguments before anything is sent", async () => {
    const { leases, members } = onMembers();
    await expect(adoptLease(leases, 0n)).rejects.toThrow(RangeError);
    await expect(adoptLease(leases, 7 as never)).rejects.toThrow(TypeError);
    await expect(adoptLease(leases, 7n, { ttlSeconds: 1 } as never)).rejects.toThrow(TypeError);
    expect(members.streams).toEqual([]);
  });
});
