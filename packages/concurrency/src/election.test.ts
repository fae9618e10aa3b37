import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { EtcdError, type KeyValue, utf8 } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { createElection } from "./election.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";

async function one() {
  const etcd = new FakeEtcd();
  const services = etcd.services();
  const session = await openSession(services);
  return { etcd, services, session, election: createElection(services, "n") };
}

/** The values that an election comes to, as they come. */
function values(observed: AsyncIterable<KeyValue>) {
  const iterator = observed[Symbol.asyncIterator]();
  return {
    iterator,
    async next(): Promise<string | undefined> {
      const next = await iterator.next();
      return next.done === true ? undefined : utf8(next.value.value);
    },
  };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

describe("Election.campaign", () => {
  it("leads with a value that it can change, until it resigns", async () => {
    const { etcd, session, election } = await one();
    const leadership = await election.campaign(session, "a");
    expect(await election.leader()).toMatchObject({
      key: leadership.key,
      value: toBytes("a", "value"),
      createRevision: leadership.fencingToken,
      lease: session.leaseId,
    });
    await leadership.proclaim("b");
    expect((await election.leader())?.value).toEqual(toBytes("b", "value"));
    expect((await election.leader())?.lease).toBe(session.leaseId);
    await leadership.guard(session.kv).put("x", "1");
    await leadership.resign();
    await leadership.resign();
    await leadership[Symbol.asyncDispose]();
    expect(await election.leader()).toBeUndefined();
    await expect(leadership.proclaim("c")).rejects.toMatchObject({
      code: "NOT_HOLDER",
      outcome: "not-applied",
    });
    expect(etcd.keys()).toEqual(["x"]);
  });

  it("waits for the session's own leadership to end, and for a mutex of the name", async () => {
    const { session, election } = await one();
    const first = await election.campaign(session, "a");
    const got = vi.fn();
    const second = election.campaign(session, "b");
    void second.then(got);
    await settle();
    expect(got).not.toHaveBeenCalled();
    expect(await createMutex(session, "n").tryLock()).toBeUndefined();
    await first.resign();
    await (await second).resign();
    const lock = await createMutex(session, "n").lock();
    await expect(election.campaign(session, "c", { timeoutMs: 10 })).rejects.toMatchObject({
      code: "DEADLINE",
    });
    await lock.unlock();
  });

  it("gives the candidacy of a program that had the lease before the new value", async () => {
    const { services, session, election } = await one();
    const before = await election.campaign(session, "a");
    await session.orphan();
    const again = await openSession(services, { leaseId: session.leaseId });
    const after = await election.campaign(again, "b");
    expect(after.fencingToken).toBe(before.fencingToken);
    expect((await election.leader())?.value).toEqual(toBytes("b", "value"));
    await again.orphan();
    const third = await openSession(services, { leaseId: session.leaseId });
    const modified = (await election.leader())?.modRevision;
    await election.campaign(third, "b");
    expect((await election.leader())?.modRevision).toBe(modified);
  });

  it("never reports a leadership whose key is gone", async () => {
    const { etcd, services, session, election } = await one();
    const other = await openSession(services);
    const leader = await election.campaign(other, "a");
    const waiting = election.campaign(session, "b");
    const phantom = expect(waiting).rejects.toMatchObject({ code: "SESSION_LOST" });
    await settle();
    // The lease goes, and the leader at the same moment: the candidate's watch says that nobody is before it.
    etcd.expire(session.leaseId);
    await leader.resign();
    await phantom;
    expect(session.signal.reason).toMatchObject({ code: "SESSION_LOST" });
  });

  it("rejects within a second when its candidacy or its lease is taken away while it waits", async () => {
    const { etcd, services, session, election } = await one();
    await election.campaign(session, "a");
    const [b, c] = [await openSession(services), await openSession(services)];
    const deleted = expect(election.campaign(b, "b")).rejects.toMatchObject({ code: "NOT_HOLDER" });
    const revoked = expect(election.campaign(c, "c")).rejects.toMatchObject({ code: "SESSION_LOST" });
    await settle();
    const startMs = performance.now();
    await services.kv.delete(`n/${b.leaseId.toString(16)}`);
    etcd.expire(c.leaseId);
    await Promise.all([deleted, revoked]);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  it("refuses a session of another namespace, and bad arguments", async () => {
    const { etcd, services, session, election } = await one();
    const inside = await openSession(etcd.services(new Uint8Array([0x61])));
    await expect(election.campaign(inside, "a")).rejects.toThrow(TypeError);
    await expect(election.campaign(undefined as never, "a")).rejects.toThrow(
      new TypeError("session must be a Session"),
    );
    await expect(election.campaign(session, 1 as never)).rejects.toThrow(TypeError);
    await expect(election.campaign(session, "a", { ttl: 1 } as never)).rejects.toThrow(TypeError);
    expect(() => createElection({ ...services, watcher: inside.watcher }, "n")).toThrow(TypeError);
    expect(() => createElection({ kv: services.kv } as never, "n")).toThrow(
      new TypeError("services.watcher must be a Watcher"),
    );
    expect(() => createElection(undefined as never, "n")).toThrow(new TypeError("services.kv must be a Kv"));
    expect(() => createElection(services, "n", { verbatimPrefix: 1 } as never)).toThrow(TypeError);
    expect(() => createElection(services, "", { verbatimPrefix: true })).toThrow(RangeError);
    expect(() => createElection(services, "")).toThrow(RangeError);
    expect(() => election.observe({ timeoutMs: 1 } as never)).toThrow(TypeError);
    expect(etcd.keys()).toEqual([]);
  });

  it("has keys without a slash where it is told to", async () => {
    const { etcd, services, session } = await one();
    await createElection(services, "n", { verbatimPrefix: true }).campaign(session, "a");
    expect(etcd.keys()).toEqual([`n${session.leaseId.toString(16)}`]);
  });
});

describe("Election.resume", () => {
  it("leads on with the lease and the token of before", async () => {
    const { etcd, services, session, election } = await one();
    const { fencingToken } = await election.campaign(session, "a");
    await session.orphan();
    const again = await openSession(services, { leaseId: session.leaseId });
    const leadership = await election.resume(again, fencingToken);
    expect([leadership.fencingToken, leadership.isHeld()]).toEqual([fencingToken, true]);
    await leadership.proclaim("b");
    await leadership.resign();
    expect(etcd.keys()).toEqual([]);
  });

  it("leaves the leader's key to be resumed when it is given up at any moment", async () => {
    const { etcd, services, session, election } = await one();
    const { fencingToken } = await election.campaign(session, "a");
    await session.orphan();
    const again = await openSession(services, { leaseId: session.leaseId });
    const reason = new Error("no more");
    for (const at of ["request", "answer"] as const) {
      const controller = new AbortController();
      etcd.onStep = (step) => {
        // In the turn of the event loop in which the answer arrives, too.
        if (step === at) void turn().then(() => controller.abort(reason));
      };
      const { signal } = controller;
      await expect(election.resume(again, fencingToken, { signal })).rejects.toBe(reason);
      await settle();
      expect(etcd.keys()).toHaveLength(1);
      expect(getEventListeners(again.signal, "abort")).toHaveLength(0);
    }
    etcd.onStep = () => undefined;
    expect((await election.resume(again, fencingToken)).isHeld()).toBe(true);
  });

  it("rejects when that leadership is over, another's, or not one yet, and touches nothing", async () => {
    const { etcd, services, session, election } = await one();
    const leader = await election.campaign(session, "a");
    const other = await openSession(services);
    const queued = expect(election.campaign(other, "b")).rejects.toMatchObject({ code: "CLOSED" });
    await settle();
    await other.orphan();
    await queued;
    const again = await openSession(services, { leaseId: other.leaseId });
    const token = etcd.revision;
    for (const wrong of [leader.fencingToken, token, token + 1n]) {
      await expect(election.resume(again, wrong)).rejects.toMatchObject({ code: "NOT_HOLDER" });
    }
    await expect(election.resume(again, 0n)).rejects.toThrow(RangeError);
    expect(etcd.keys()).toHaveLength(2);
  });
});

describe("Election.observe", () => {
  it("follows leaders and their values, and goes on when there is none for a while", async () => {
    const { services, session, election } = await one();
    const observed = values(election.observe());
    const first = observed.next();
    await settle();
    const a = await election.campaign(session, "a1");
    expect(await first).toBe("a1");
    await a.proclaim("a2");
    expect(await observed.next()).toBe("a2");
    const other = await openSession(services);
    const b = election.campaign(other, "b1");
    await settle();
    await a.resign();
    expect(await observed.next()).toBe("b1");
    await (await b).resign();
    const next = observed.next();
    await settle();
    await election.campaign(session, "a3");
    expect(await next).toBe("a3");
    await observed.iterator.return?.();
  });

  it("looks again when its watch ends for want of history or of a leader, and tells nothing twice", async () => {
    const { etcd, session, election } = await one();
    const leadership = await election.campaign(session, "a");
    const observed = values(election.observe());
    expect(await observed.next()).toBe("a");
    const next = observed.next();
    for (const code of ["COMPACTED", "NO_LEADER"] as const) {
      await settle();
      etcd.breakWatches(new EtcdError(code, "broken"));
    }
    await settle();
    await leadership.proclaim("b");
    expect(await next).toBe("b");
    await observed.iterator.return?.();
  });

  it("throws what it cannot go on with", async () => {
    const { etcd, session, election } = await one();
    await election.campaign(session, "a");
    const observed = values(election.observe());
    expect(await observed.next()).toBe("a");
    const failed = expect(observed.next()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await settle();
    etcd.breakWatches(new EtcdError("PERMISSION_DENIED", "not any more"));
    await failed;
    const closed = values(election.observe());
    expect(await closed.next()).toBe("a");
    const ended = expect(closed.next()).rejects.toMatchObject({ code: "CLOSED" });
    await settle();
    etcd.breakWatches(undefined);
    await ended;
  });

  it("can be left and aborted while it waits, and leaves nothing behind", async () => {
    const { etcd, election } = await one();
    const controller = new AbortController();
    const aborted = values(election.observe({ signal: controller.signal }));
    const left = values(election.observe());
    const reason = new Error("enough");
    const rejected = expect(aborted.next()).rejects.toBe(reason);
    const over = left.next();
    await settle();
    expect(etcd.watches).toBe(2);
    await left.iterator.return?.();
    expect(await over).toBeUndefined();
    controller.abort(reason);
    await rejected;
    expect(etcd.watches).toBe(0);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    await expect(values(election.observe({ signal: controller.signal })).next()).rejects.toBe(reason);
    const unused = election.observe()[Symbol.asyncIterator]();
    expect((await unused.return?.())?.done).toBe(true);
  });
});
