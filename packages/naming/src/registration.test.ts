import { EtcdError, isKeepAliveHalted, type Leases, op } from "@etcdkit/core";
import { createLeases } from "@etcdkit/lease";
import { describe, expect, it, vi } from "vitest";
import { headerAt } from "../../core/test/header-at.js";
import { FakeMembers } from "../../lease/test/fake-members.js";
import { FakeStore, neverAnswer } from "../test/fake-store.js";
import { createEndpointManager } from "./endpoint-manager.js";
import { openRegistration, type RegistrationOptions } from "./registration.js";

const header = headerAt(1n);
const endpoint = { address: "a:1", metadata: { zone: "b" } };
const value = '{"Op":0,"Addr":"a:1","Metadata":{"zone":"b"}}';

function onMembers() {
  const members = new FakeMembers();
  const { clock } = members;
  const expired = new Set<bigint>();
  const renew: FakeMembers["onAsked"] = (stream, id) => stream.answer(id, expired.has(id) ? 0 : 10);
  members.onAsked = renew;
  let granted = 0n;
  const grant = vi.fn<Leases["grant"]>(async (ttlSeconds) => {
    granted += 1n;
    return { header, id: granted, ttlSeconds };
  });
  const revoke = vi.fn<Leases["revoke"]>(async () => ({ header }));
  const leases: Leases = { ...createLeases(members, { clock }), grant, revoke };
  const store = new FakeStore();
  const manager = createEndpointManager(store, "svc");
  const changes: (readonly [boolean, unknown])[] = [];
  const open = (options: RegistrationOptions = {}) =>
    openRegistration({ manager, leases }, "svc/a", endpoint, {
      clock,
      onChange: (...change) => void changes.push(change),
      ...options,
    });
  /** The leases that the endpoint was tied to, in order. */
  const ties = () => store.ops.map((asked) => asked.type === "txn" && asked.success);
  const tiedTo = (...ids: readonly bigint[]) => ids.map((leaseId) => [op.put("svc/a", value, { leaseId })]);
  /** The server does not know the lease any more, which the next renewal finds out: after 2.5 s to 3.4 s. */
  const expire = async (id: bigint): Promise<void> => {
    expired.add(id);
    await clock.advance(3_500);
  };
  return {
    members,
    renew,
    clock,
    grant,
    revoke,
    leases,
    store,
    manager,
    changes,
    open,
    ties,
    tiedTo,
    expire,
  };
}

describe("a registration", () => {
  it("resolves once the endpoint is there, tied to a lease that is kept alive", async () => {
    const { open, grant, ties, tiedTo, changes, revoke } = onMembers();
    await using registration = await open();
    expect(grant.mock.calls[0]?.[0]).toBe(10);
    expect(ties()).toEqual(tiedTo(1n));
    expect(registration).toMatchObject({ key: "svc/a", endpoint });
    expect(registration.isRegistered()).toBe(true);
    expect(changes).toEqual([]);
    expect(revoke).not.toHaveBeenCalled();
  });

  it("registers again under a new lease when the lease was lost", async () => {
    const { open, grant, ties, tiedTo, changes, expire } = onMembers();
    await using registration = await open({ ttlSeconds: 5 });
    expect(grant.mock.calls[0]?.[0]).toBe(5);
    await expire(1n);
    expect(ties()).toEqual(tiedTo(1n, 2n));
    expect(changes).toEqual([
      [false, expect.objectContaining({ code: "KEEPALIVE_HALTED", reason: "expired" })],
      [true, undefined],
    ]);
    expect(registration.isRegistered()).toBe(true);
    await expire(2n);
    expect(ties()).toEqual(tiedTo(1n, 2n, 3n));
  });

  it("registers again after an outage that was longer than the time to live, with pauses that grow to 5 s", async () => {
    const { open, members, renew, grant, ties, tiedTo, changes, clock } = onMembers();
    const random = vi.spyOn(Math, "random").mockReturnValue(0);
    try {
      await using registration = await open();
      members.onAsked = () => undefined;
      grant.mockRejectedValue(new EtcdError("UNAVAILABLE", "no"));
      await clock.advance(9_500);
      expect(registration.isRegistered()).toBe(false);
      expect(changes[0]).toEqual([false, expect.objectContaining({ reason: "deadline" })]);
      const pauses: number[] = [];
      for (let i = 0; i < 8; i++) {
        pauses.push(clock.timers[0]?.dueInMs ?? 0);
        await clock.advance(clock.timers[0]?.dueInMs ?? 0);
      }
      expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
      expect(changes.slice(1).every(([registered]) => !registered)).toBe(true);
      members.onAsked = renew;
      grant.mockImplementation(async (ttlSeconds) => ({ header, id: 9n, ttlSeconds }));
      await clock.advance(5_000);
      expect(changes.at(-1)).toEqual([true, undefined]);
      expect(ties()).toEqual(tiedTo(1n, 9n));
      expect(registration.isRegistered()).toBe(true);
    } finally {
      random.mockRestore();
    }
  });

  it("takes a new lease for each attempt, and revokes that of one that failed", async () => {
    const { open, store, ties, tiedTo, changes, expire, revoke, clock } = onMembers();
    await using _registration = await open();
    const failure = new EtcdError("UNAVAILABLE", "no", { outcome: "unknown" });
    store.onExecute = () => {
      store.onExecute = () => undefined;
      return Promise.reject(failure);
    };
    await expire(1n);
    expect(changes[1]).toEqual([false, failure]);
    await clock.advance(100);
    expect(ties()).toEqual(tiedTo(1n, 2n, 3n));
    expect(revoke.mock.calls.map(([id]) => id)).toEqual([2n]);
    expect(changes.at(-1)).toEqual([true, undefined]);
  });

  it("tries again only once a late write of the attempt that failed can do nothing any more", async () => {
    const { open, store, ties, tiedTo, changes, expire, revoke, clock } = onMembers();
    await using _registration = await open();
    const failure = new EtcdError("UNAVAILABLE", "no", { outcome: "unknown" });
    store.onExecute = () => {
      store.onExecute = () => undefined;
      return Promise.reject(failure);
    };
    let revoked = (): void => undefined;
    revoke.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          revoked = () => resolve({ header });
        }),
    );
    await expire(1n);
    await clock.advance(5_000);
    expect(changes.at(-1)).toEqual([false, failure]);
    expect(ties()).toEqual(tiedTo(1n, 2n));
    revoked();
    await clock.advance(100);
    expect(ties()).toEqual(tiedTo(1n, 2n, 3n));
  });

  it("leaves an endpoint deleted that somebody has deleted", async () => {
    const { open, store, ties, tiedTo, manager, clock } = onMembers();
    await using _registration = await open();
    await manager.delete("svc/a");
    await clock.advance(30_000);
    expect(store.pairs).toEqual([]);
    expect(ties()).toEqual([...tiedTo(1n), [op.delete("svc/a")]]);
  });

  it("revokes its lease when it is closed, once, and leaves nothing behind", async () => {
    const { open, revoke, clock, changes, ties, tiedTo } = onMembers();
    const registration = await open();
    await registration[Symbol.asyncDispose]();
    await registration.close();
    expect(revoke.mock.calls.map(([id]) => id)).toEqual([1n]);
    expect(registration.isRegistered()).toBe(false);
    await clock.advance(30_000);
    expect(clock.timers).toEqual([]);
    expect(changes).toEqual([]);
    expect(ties()).toEqual(tiedTo(1n));
  });

  it("closes in a pause between attempts, and in the midst of one", async () => {
    const { open, grant, clock, expire, changes } = onMembers();
    const registration = await open();
    grant.mockRejectedValue(new EtcdError("UNAVAILABLE", "no"));
    await expire(1n);
    expect(clock.timers).toHaveLength(1);
    await registration.close();
    expect(clock.timers).toEqual([]);

    const other = onMembers();
    const second = await other.open();
    other.grant.mockImplementationOnce(
      (_ttl, call) =>
        new Promise((_, reject) =>
          call?.signal?.addEventListener("abort", () => reject(call.signal?.reason)),
        ),
    );
    await other.expire(1n);
    await second.close();
    expect(other.clock.timers).toEqual([]);
    expect(changes.at(-1)?.[0]).toBe(false);
  });

  it("is closed only when what an attempt that it ended may have written is gone", async () => {
    const { open, store, clock, expire, revoke } = onMembers();
    const registration = await open();
    store.onExecute = neverAnswer;
    await expire(1n);
    let revoked = (): void => undefined;
    revoke.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          revoked = () => resolve({ header });
        }),
    );
    const done = vi.fn();
    const closing = registration.close().then(done);
    await clock.settle();
    expect(revoke.mock.calls.map(([id]) => id)).toEqual([2n]);
    expect(done).not.toHaveBeenCalled();
    revoked();
    await closing;
    expect(clock.timers).toEqual([]);
  });

  it("closes with its signal", async () => {
    const { open, revoke, clock, changes } = onMembers();
    const controller = new AbortController();
    const registration = await open({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await clock.settle();
    expect(registration.isRegistered()).toBe(false);
    expect(revoke.mock.calls.map(([id]) => id)).toEqual([1n]);
    expect(changes).toEqual([]);
    expect(clock.timers).toEqual([]);
  });

  it("gives up when the leases were closed", async () => {
    const { open, leases, clock, changes, ties, tiedTo } = onMembers();
    await using registration = await open();
    await leases.close();
    await clock.advance(30_000);
    expect(registration.isRegistered()).toBe(false);
    expect(changes).toHaveLength(1);
    expect(isKeepAliveHalted(changes[0]?.[1], "closed")).toBe(true);
    expect(ties()).toEqual(tiedTo(1n));
  });

  it("is not disturbed by a hook that throws", async () => {
    const { open, expire, ties, tiedTo } = onMembers();
    await using _registration = await open({
      onChange: () => {
        throw new Error("no");
      },
    });
    await expire(1n);
    expect(ties()).toEqual(tiedTo(1n, 2n));
  });

  it("rejects with what the first attempt fails with, and leaves no lease behind", async () => {
    const { open, store, grant, revoke, clock } = onMembers();
    const failure = new EtcdError("PERMISSION_DENIED", "no");
    store.onExecute = () => Promise.reject(failure);
    await expect(open()).rejects.toBe(failure);
    await clock.settle();
    expect(revoke.mock.calls.map(([id]) => id)).toEqual([1n]);
    grant.mockRejectedValueOnce(failure);
    await expect(open()).rejects.toBe(failure);
    const reason = new Error("changed my mind");
    store.onExecute = () => new Promise(() => undefined);
    const controller = new AbortController();
    grant.mockImplementationOnce((_ttl, call) => Promise.reject(call?.signal?.reason));
    controller.abort(reason);
    await expect(open({ signal: controller.signal })).rejects.toBe(reason);
  });

  it("keeps what it was given, whatever becomes of the original", async () => {
    const { manager, leases, clock, ties, tiedTo, expire } = onMembers();
    const original = { address: "a:1", metadata: { zone: "b" } };
    await using _registration = await openRegistration({ manager, leases }, "svc/a", original, { clock });
    original.metadata.zone = "c";
    await expire(1n);
    expect(ties()).toEqual(tiedTo(1n, 2n));
  });

  it("refuses bad arguments and names them, before a lease is granted", async () => {
    const { manager, leases, grant } = onMembers();
    const open = (services: unknown, key: unknown, what: unknown, options?: unknown) =>
      openRegistration(
        services as { manager: typeof manager; leases: Leases },
        key as string,
        what as typeof endpoint,
        options as RegistrationOptions,
      );
    const services = { manager, leases };
    for (const [opening, message] of [
      [open(undefined, "svc/a", endpoint), "manager must be an EndpointManager"],
      [open({ leases }, "svc/a", endpoint), "manager must be an EndpointManager"],
      [open({ manager }, "svc/a", endpoint), "leases must be Leases"],
      [open(services, "other/a", endpoint), "key: endpoint key should be prefixed with 'svc/'"],
      [open(services, "svc/a", {}), "endpoint.address must be a string that is not empty"],
      [open(services, "svc/a", endpoint, { ttlSeconds: 0 }), "ttlSeconds must be a whole number"],
      [open(services, "svc/a", endpoint, { ttlSeconds: "5" }), "ttlSeconds must be a number"],
      [open(services, "svc/a", endpoint, { onChange: 5 }), "onChange must be a function"],
      [open(services, "svc/a", endpoint, { ttl: 5 }), 'unknown option "ttl" of openRegistration'],
    ] as const) {
      await expect(opening).rejects.toThrow(message);
    }
    expect(grant).not.toHaveBeenCalled();
  });
});
