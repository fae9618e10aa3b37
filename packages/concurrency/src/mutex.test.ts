import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { EtcdError } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";

/** Sessions of as many programs. */
async function sessions(etcd: FakeEtcd, count: number) {
  return await Promise.all(Array.from({ length: count }, () => openSession(etcd.services())));
}

async function one() {
  const etcd = new FakeEtcd();
  const services = etcd.services();
  const session = await openSession(services);
  return { etcd, services, session, mutex: createMutex(session, "n") };
}

/** Lets everything happen that waits for nothing but messages. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

describe("Mutex.lock", () => {
  it("makes a key that stands for the lock, with its create revision for a token", async () => {
    const { etcd, session, mutex } = await one();
    const lock = await mutex.lock();
    expect(etcd.keys()).toEqual([`n/${session.leaseId.toString(16)}`]);
    expect(Buffer.from(lock.key).toString()).toBe(etcd.keys()[0]);
    expect(lock.fencingToken).toBe(etcd.revision);
    expect([lock.isHeld(), lock.remainingMs(), lock.signal.aborted]).toEqual([true, 60_000, false]);
    await lock.unlock();
    expect(etcd.keys()).toEqual([]);
  });

  it("gives the lock to sessions in the order in which they came, with growing tokens", async () => {
    const etcd = new FakeEtcd();
    const order: number[] = [];
    const tokens: bigint[] = [];
    let holders = 0;
    const waiting = (await sessions(etcd, 5)).map(async (session, n) => {
      const lock = await createMutex(session, "n").lock();
      expect(++holders).toBe(1);
      order.push(n);
      tokens.push(lock.fencingToken);
      await settle();
      holders -= 1;
      await lock.unlock();
    });
    await Promise.all(waiting);
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(tokens).toEqual([...tokens].sort((a, b) => Number(a - b)));
    expect(etcd.watches).toBe(0);
  });

  it("waits on the newest key before its own only, so that each release wakes one", async () => {
    const etcd = new FakeEtcd();
    const all = await sessions(etcd, 5);
    const [holder] = await Promise.all(all.slice(0, 1).map((session) => createMutex(session, "n").lock()));
    let reached = 0;
    const waiting = all.slice(1).map(async (session) => {
      const lock = await createMutex(session, "n").lock();
      reached += 1;
      return lock;
    });
    await settle();
    expect(etcd.watches).toBe(4);
    let events = 0;
    etcd.onStep = (step) => {
      if (step === "event") events += 1;
    };
    await holder?.unlock();
    await settle();
    expect([reached, events]).toEqual([1, 1]);
    for (const lock of waiting) await (await lock).unlock();
  });

  it("waits on the holder when the one between them dies", async () => {
    const etcd = new FakeEtcd();
    const [a, b, c] = await sessions(etcd, 3);
    if (a === undefined || b === undefined || c === undefined) throw new Error("three sessions");
    const held = await createMutex(a, "n").lock();
    const dying = expect(createMutex(b, "n").lock()).rejects.toMatchObject({ code: "CLOSED" });
    await settle();
    const got = vi.fn();
    const waiting = createMutex(c, "n").lock();
    void waiting.then(got);
    await settle();
    await b.close();
    await dying;
    await settle();
    expect(got).not.toHaveBeenCalled();
    await held.unlock();
    expect((await waiting).isHeld()).toBe(true);
  });

  it("holds a name once in a session, for any number of mutexes and tasks, first come, first served", async () => {
    const { etcd, session } = await one();
    let holders = 0;
    const order: number[] = [];
    const tasks = Array.from({ length: 200 }, async (_, n) => {
      const lock = await createMutex(session, "n").lock();
      expect(++holders).toBe(1);
      order.push(n);
      await turn();
      holders -= 1;
      await lock.unlock();
    });
    await Promise.all(tasks);
    expect(order).toEqual(tasks.map((_, n) => n));
    expect(etcd.keys()).toEqual([]);
    expect(getEventListeners(session.signal, "abort")).toHaveLength(0);
  });

  it("takes back the key of the program that had the lease before", async () => {
    const { etcd, services, session, mutex } = await one();
    const before = await mutex.lock();
    await session.orphan();
    expect(before.signal.reason).toMatchObject({ code: "CLOSED" });
    const again = await openSession(services, { leaseId: session.leaseId });
    const after = await createMutex(again, "n").lock();
    expect(after.fencingToken).toBe(before.fencingToken);
    await after.unlock();
    expect(etcd.keys()).toEqual([]);
  });

  it("refuses a key of its name that is not tied to its lease, and does not touch it", async () => {
    const { etcd, services, session, mutex } = await one();
    await services.kv.put(`n/${session.leaseId.toString(16)}`, "");
    await expect(mutex.lock()).rejects.toMatchObject({ code: "NOT_HOLDER" });
    expect(etcd.keys()).toHaveLength(1);
    await services.kv.delete({ prefix: "n/" });
    await (await mutex.lock()).unlock();
  });

  it("rejects with DEADLINE when its time is up, and leaves the queue", async () => {
    const etcd = new FakeEtcd();
    const [a, b] = await sessions(etcd, 2);
    if (a === undefined || b === undefined) throw new Error("two sessions");
    const held = await createMutex(a, "n").lock();
    const late = (what: string) => ({
      code: "DEADLINE",
      message: `lock took longer than 20 ms, waiting for ${what}`,
    });
    await expect(createMutex(b, "n").lock({ timeoutMs: 20 })).rejects.toMatchObject(late("other sessions"));
    await expect(createMutex(a, "n").lock({ timeoutMs: 20 })).rejects.toMatchObject(
      late("other tasks of the session"),
    );
    await vi.waitFor(() => expect(etcd.keys()).toHaveLength(1));
    await held.unlock();
  });

  it("takes every key below its name for a place in the queue, as other clients of etcd do", async () => {
    const { services, session, mutex } = await one();
    const nested = await createMutex(session, "n/nested").lock();
    await services.kv.put("n-else", "");
    expect(await mutex.tryLock()).toBeUndefined();
    await nested.unlock();
    expect(await mutex.tryLock()).toBeDefined();
  });

  it("looks again when the watch it waits with ends for want of history or of a leader", async () => {
    const etcd = new FakeEtcd();
    const [a, b] = await sessions(etcd, 2);
    if (a === undefined || b === undefined) throw new Error("two sessions");
    const held = await createMutex(a, "n").lock();
    const waiting = createMutex(b, "n").lock();
    for (const code of ["COMPACTED", "NO_LEADER"] as const) {
      await vi.waitFor(() => expect(etcd.watches).toBeGreaterThan(0));
      etcd.breakWatches(new EtcdError(code, "broken"));
      await settle();
    }
    await held.unlock();
    expect((await waiting).isHeld()).toBe(true);
  });

  it("rejects with what the watch ended with otherwise, and leaves the queue", async () => {
    const etcd = new FakeEtcd();
    const [a, b] = await sessions(etcd, 2);
    if (a === undefined || b === undefined) throw new Error("two sessions");
    await createMutex(a, "n").lock();
    const waiting = expect(createMutex(b, "n").lock()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await vi.waitFor(() => expect(etcd.watches).toBe(1));
    etcd.breakWatches(new EtcdError("PERMISSION_DENIED", "not any more"));
    await waiting;
    await vi.waitFor(() => expect(etcd.keys()).toHaveLength(1));
  });

  it("sends nothing when it is given up at the moment of its turn in the session", async () => {
    const { etcd, session, mutex } = await one();
    const turnOf = await session.turns.take(Buffer.from(`n/${session.leaseId.toString(16)}`), session.signal);
    const controller = new AbortController();
    const reason = new Error("no more");
    const waiting = expect(mutex.lock({ signal: controller.signal })).rejects.toBe(reason);
    await settle();
    const requests = vi.fn();
    etcd.onStep = requests;
    turnOf.end();
    controller.abort(reason);
    await waiting;
    await settle();
    expect(requests).not.toHaveBeenCalled();
    expect(await mutex.tryLock()).toBeDefined();
  });

  it("refuses bad arguments before anything is sent", async () => {
    const { etcd, session, mutex } = await one();
    expect(() => createMutex(session, 1 as never)).toThrow(TypeError);
    expect(() => createMutex(session, "")).toThrow(RangeError);
    for (const none of [undefined, {}, { leaseId: 1n }]) {
      expect(() => createMutex(none as never, "n")).toThrow(new TypeError("session must be a Session"));
    }
    await expect(mutex.lock({ timeoutMs: 0 })).rejects.toThrow(RangeError);
    await expect(mutex.lock({ retries: 1 } as never)).rejects.toThrow('unknown option "retries" of lock');
    await expect(mutex.tryLock({ signal: {} as never })).rejects.toThrow(TypeError);
    expect(etcd.keys()).toEqual([]);
  });
});

describe("Mutex.tryLock", () => {
  it("takes a free lock", async () => {
    const { mutex } = await one();
    const lock = await mutex.tryLock();
    expect(lock?.isHeld()).toBe(true);
    await lock?.unlock();
    expect(await mutex.tryLock()).toBeDefined();
  });

  it("resolves with undefined while another session has the lock, and never is in the queue", async () => {
    const etcd = new FakeEtcd();
    const [a, b] = await sessions(etcd, 2);
    if (a === undefined || b === undefined) throw new Error("two sessions");
    const held = await createMutex(a, "n").lock();
    const { revision } = etcd;
    expect(await createMutex(b, "n").tryLock()).toBeUndefined();
    expect(etcd.revision).toBe(revision);
    await held.unlock();
    expect(await createMutex(b, "n").tryLock()).toBeDefined();
  });

  it("resolves with undefined while its own session has the lock", async () => {
    const { session, mutex } = await one();
    const lock = await mutex.lock();
    expect(await createMutex(session, "n").tryLock()).toBeUndefined();
    await lock.unlock();
    expect(await createMutex(session, "n").tryLock()).toBeDefined();
  });

  it("gives up the place that a program with the same lease had in the queue", async () => {
    const etcd = new FakeEtcd();
    const [a, b] = await sessions(etcd, 2);
    if (a === undefined || b === undefined) throw new Error("two sessions");
    await createMutex(a, "n").lock();
    const queued = expect(createMutex(b, "n").lock()).rejects.toMatchObject({ code: "CLOSED" });
    await settle();
    await b.orphan();
    await queued;
    expect(etcd.keys()).toHaveLength(2);
    const again = await openSession(etcd.services(), { leaseId: b.leaseId });
    expect(await createMutex(again, "n").tryLock()).toBeUndefined();
    expect(etcd.keys()).toHaveLength(1);
  });
});

describe("Lock", () => {
  it("is released once, and says so when it is released again", async () => {
    const { mutex } = await one();
    const lock = await mutex.lock();
    await lock.unlock();
    expect([lock.isHeld(), lock.remainingMs()]).toEqual([false, 0]);
    expect(lock.signal.reason).toMatchObject({ code: "CLOSED" });
    await expect(lock.unlock()).rejects.toMatchObject({
      code: "NOT_HOLDER",
      message: "mutex: lock has already been released",
    });
    await lock[Symbol.asyncDispose]();
  });

  it("is released when it is disposed of", async () => {
    const { etcd, mutex } = await one();
    {
      await using lock = await mutex.lock();
      expect(lock.isHeld()).toBe(true);
    }
    expect(etcd.keys()).toEqual([]);
  });

  it("hears within a second that somebody deleted its key", async () => {
    const { services, mutex } = await one();
    const lock = await mutex.lock();
    await services.kv.delete(lock.key);
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 1_000 });
    expect(lock.signal.reason).toMatchObject({
      code: "NOT_HOLDER",
      message: "the session's key in the queue was deleted by somebody else",
    });
    expect(lock.isHeld()).toBe(false);
    await lock.unlock();
  });

  it("leaves the name to others of the session when it was lost, whether or not its holder releases it", async () => {
    const { services, mutex } = await one();
    const lost = await mutex.lock();
    await services.kv.delete(lost.key);
    const next = await mutex.lock({ timeoutMs: 1_000 });
    expect([lost.isHeld(), next.isHeld()]).toEqual([false, true]);
    await lost.unlock();
    expect(next.isHeld()).toBe(true);
    await next.unlock({ signal: undefined, timeoutMs: undefined });
  });

  it("hears within a second that somebody revoked its lease, before the session would by itself", async () => {
    const { etcd, session, mutex } = await one();
    const lock = await mutex.lock();
    etcd.expire(session.leaseId);
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 1_000 });
    expect(lock.signal.reason).toMatchObject({ code: "SESSION_LOST" });
    expect(session.signal.reason).toBe(lock.signal.reason);
    await lock.unlock();
  });

  it("goes on through a watch that ends for want of history or of a leader, and is lost with one that it may not have", async () => {
    const { etcd, mutex } = await one();
    const lock = await mutex.lock();
    for (const code of ["COMPACTED", "NO_LEADER"] as const) {
      await vi.waitFor(() => expect(etcd.watches).toBe(1), { timeout: 1_000 });
      etcd.breakWatches(new EtcdError(code, "broken"));
    }
    await vi.waitFor(() => expect(etcd.watches).toBe(1));
    expect(lock.isHeld()).toBe(true);
    const cause = new EtcdError("PERMISSION_DENIED", "not any more");
    etcd.breakWatches(cause);
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true));
    expect(lock.signal.reason).toMatchObject({ code: "NOT_HOLDER", cause });
  });

  it("finds its key gone when it looks again", async () => {
    const { etcd, services, mutex } = await one();
    const lock = await mutex.lock();
    await vi.waitFor(() => expect(etcd.watches).toBe(1), { timeout: 1_000 });
    etcd.breakWatches(new EtcdError("COMPACTED", "broken"));
    await services.kv.delete(lock.key);
    await vi.waitFor(() => expect(lock.signal.aborted).toBe(true));
    expect(lock.signal.reason).toMatchObject({ code: "NOT_HOLDER" });
  });

  it("needs no watch when it is held for a moment only", async () => {
    const { etcd, mutex } = await one();
    const lock = await mutex.lock();
    await settle();
    await lock.unlock();
    expect(etcd.watches).toBe(0);
  });

  it("tells of a release that failed, is released all the same, and not taken again before", async () => {
    const { etcd, mutex } = await one();
    const lock = await mutex.lock();
    let refusals = 0;
    etcd.onStep = (step) => {
      if (step === "request" && ++refusals <= 2) throw new EtcdError("PERMISSION_DENIED", "not now");
    };
    await expect(lock.unlock()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await mutex.tryLock()).toBeUndefined();
    expect(etcd.keys()).toHaveLength(1);
    const next = await mutex.lock();
    expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    expect(refusals).toBeGreaterThan(2);
  });

  it("stops releasing with the session, and tells of nothing then", async () => {
    const { session, mutex } = await one();
    const lock = await mutex.lock();
    await session.close();
    expect(lock.signal.reason).toMatchObject({ code: "CLOSED" });
    await lock.unlock();
    await expect(mutex.lock()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(mutex.tryLock()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("is released in the background when nobody waits for that any longer", async () => {
    const { etcd, mutex } = await one();
    const reason = new Error("no time");
    const aborted = await mutex.lock();
    etcd.onStep = () => {
      etcd.onStep = () => undefined;
      throw new EtcdError("UNAVAILABLE", "nobody is told of this");
    };
    await expect(aborted.unlock({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const late = await mutex.lock();
    let answer = (): void => undefined;
    etcd.answers = new Promise((resolve) => {
      answer = resolve;
    });
    await expect(late.unlock({ timeoutMs: 10 })).rejects.toMatchObject({ code: "DEADLINE" });
    expect(late.isHeld()).toBe(false);
    answer();
    await (await mutex.lock()).unlock();
    expect(etcd.keys()).toEqual([]);
  });
});
