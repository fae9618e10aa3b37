import { setTimeout } from "node:timers/promises";
import { EtcdError } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";
import { withLock } from "./with-lock.js";

async function one() {
  const etcd = new FakeEtcd();
  const session = await openSession(etcd.services());
  return { etcd, session, mutex: createMutex(session, "n") };
}

describe("withLock", () => {
  it("runs a function while it holds the lock, and resolves with what it returned", async () => {
    const { etcd, mutex } = await one();
    const result = await withLock(mutex, (lock) => {
      expect(lock.isHeld()).toBe(true);
      expect(etcd.keys()).toHaveLength(1);
      return "done";
    });
    expect(result).toBe("done");
    expect(etcd.keys()).toEqual([]);
  });

  it("rejects with what the function throws, and has released the lock", async () => {
    const { etcd, mutex } = await one();
    const failure = new Error("no");
    await expect(withLock(mutex, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(etcd.keys()).toEqual([]);
  });

  it("rejects with the loss of the lock, whatever the function returned", async () => {
    const { etcd, session, mutex } = await one();
    const lost = withLock(mutex, async (lock) => {
      etcd.expire(session.leaseId);
      await vi.waitFor(() => expect(lock.signal.aborted).toBe(true), { timeout: 1_000 });
      return "done all the same";
    });
    await expect(lost).rejects.toMatchObject({ code: "SESSION_LOST" });
  });

  it("rejects with the loss also where the function ends with an abort because of it", async () => {
    const { etcd, session, mutex } = await one();
    const lost = withLock(mutex, async (lock) => {
      etcd.expire(session.leaseId);
      await setTimeout(60_000, undefined, { signal: lock.signal });
    });
    await expect(lost).rejects.toMatchObject({ code: "SESSION_LOST" });
  });

  it("rejects when nobody can tell that the lock was held all the time", async () => {
    const { etcd, session, mutex } = await one();
    const lease = etcd.leases.get(session.leaseId);
    const doubtful = withLock(mutex, () => {
      if (lease !== undefined) lease.remainingMs = 0;
    });
    await expect(doubtful).rejects.toMatchObject({ code: "NOT_HOLDER" });
  });

  it("resolves when only the release failed, which goes on", async () => {
    const { etcd, mutex } = await one();
    const result = await withLock(mutex, () => {
      etcd.onStep = () => {
        etcd.onStep = () => undefined;
        throw new EtcdError("UNAVAILABLE", "no");
      };
      return "done";
    });
    expect(result).toBe("done");
    await vi.waitFor(() => expect(etcd.keys()).toEqual([]));
  });

  it("rejects with the caller's reason where one signal ends both the session and the wait", async () => {
    const etcd = new FakeEtcd();
    const holder = await openSession(etcd.services());
    await createMutex(holder, "n").lock();
    const caller = new AbortController();
    const session = await openSession(etcd.services(), { signal: caller.signal });
    const waiting = withLock(createMutex(session, "n"), () => "done", { signal: caller.signal });
    caller.abort("enough");
    await expect(waiting).rejects.toBe("enough");
  });

  it("refuses what is no mutex, and what is no function", async () => {
    const { mutex, session } = await one();
    const done = (): string => "done";
    await expect(withLock(undefined as never, done)).rejects.toThrow("mutex must be a Mutex");
    await expect(withLock(session as never, done)).rejects.toThrow("mutex must be a Mutex");
    await expect(withLock(mutex, "done" as never)).rejects.toThrow("work must be a function");
  });

  it("passes its options to the wait, and does not run the function without the lock", async () => {
    const { mutex } = await one();
    const work = vi.fn();
    const held = await mutex.lock();
    await expect(withLock(mutex, work, { timeoutMs: 10 })).rejects.toMatchObject({ code: "DEADLINE" });
    await held.unlock();
    await expect(withLock(mutex, undefined as never)).rejects.toThrow(
      new TypeError("work must be a function"),
    );
    expect(work).not.toHaveBeenCalled();
  });
});
