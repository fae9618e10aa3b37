import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { EtcdError, op, type WatchRequest, watcherFrom } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { openSession } from "./open-session.js";
import { SessionKey } from "./session-key.js";

const name = toBytes("k", "key");
const value = toBytes("v", "value");
const live = new AbortController().signal;
const unavailable = new EtcdError("UNAVAILABLE", "no", { outcome: "unknown" });

/** A session, with the watches that it opens, and a key of it that is made. */
async function one() {
  const etcd = new FakeEtcd();
  const services = etcd.services();
  const opened: WatchRequest[] = [];
  const watcher = watcherFrom({
    open(request, call) {
      opened.push(request);
      return services.watcher.open(request, call);
    },
  });
  const session = await openSession({ ...services, watcher });
  const own = new SessionKey(session, name);
  expect(await own.create(value)).toMatchObject({ owned: true, found: undefined });
  return { etcd, services, session, opened, own };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await turn();
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the creation of a session's key", () => {
  it("tells what is there, whose it is, and what was read along", async () => {
    const { etcd, services, own, session } = await one();
    const reads = [op.range({ prefix: "k" }, { countOnly: true })];
    const again = new SessionKey(session, name);
    const found = { key: name, value, createRevision: own.createRevision };
    expect(await again.create(value, { reads })).toMatchObject({
      owned: true,
      found,
      reads: [{ count: 1 }],
    });
    expect(again.createRevision).toBe(own.createRevision);

    const other = new SessionKey(await openSession(services), name);
    expect(await other.create(value, { reads })).toMatchObject({ owned: false, found });
    expect(() => other.createRevision).toThrow("not made yet");
    await other.leave();
    expect(etcd.keys()).toEqual(["k"]);
  });

  it("makes none where there is one in a range that is to be free", async () => {
    const { etcd, own, session } = await one();
    const second = new SessionKey(session, toBytes("l", "key"));
    const { revision } = etcd;
    expect(await second.create(value, { unless: { prefix: "k" } })).toMatchObject({
      owned: false,
      found: undefined,
    });
    expect(etcd.revision).toBe(revision);
    await own.leave();
    expect(await second.create(value, { unless: { prefix: "k" } })).toMatchObject({ owned: true });
  });
});

describe("a session's key", () => {
  it("is not confirmed where the process stalled for as long as the lease lived", async () => {
    const { etcd, session, own } = await one();
    const lease = etcd.leases.get(session.leaseId);
    if (lease === undefined) throw new Error("the session has no lease");
    lease.remainingMs = 0;
    await expect(own.confirm(live)).rejects.toMatchObject({ code: "NOT_HOLDER" });
    const confirmed = own.confirm(live);
    lease.remainingMs = 1; // a renewal was answered meanwhile
    await confirmed;
    await expect(own.confirm(AbortSignal.abort("enough"))).rejects.toBe("enough");
  });

  it("is removed in the background for as long as that fails, and who leaves again waits for that", async () => {
    const { etcd, own } = await one();
    let failures = 0;
    etcd.onStep = (step) => {
      if (step === "request" && ++failures <= 3) throw unavailable;
    };
    await expect(own.leave()).rejects.toBe(unavailable);
    expect(etcd.keys()).toEqual(["k"]);
    const left = vi.fn();
    const leaving = own.leave().then(left);
    await settle();
    expect(left).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1_000);
    await leaving;
    expect([etcd.keys(), failures]).toEqual([[], 4]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is removed in the background no longer than its session lives", async () => {
    const { etcd, session, own } = await one();
    let failures = 0;
    etcd.onStep = (step) => {
      if (step !== "request") return;
      failures += 1;
      throw unavailable;
    };
    await expect(own.leave()).rejects.toBe(unavailable);
    await session.orphan();
    await own.leave();
    const before = failures;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(failures).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is lost with the session, and cannot be removed then", async () => {
    const { etcd, session, own } = await one();
    expect([own.isHeld(), own.remainingMs()]).toEqual([true, 60_000]);
    etcd.leases.get(session.leaseId)?.halt("deadline");
    expect(own.signal.reason).toBe(session.signal.reason);
    expect(own.signal.reason).toMatchObject({ code: "SESSION_LOST" });
    expect([own.isHeld(), own.remainingMs()]).toEqual([false, 0]);
    const requests = vi.fn();
    etcd.onStep = requests;
    await own.leave();
    expect(requests).not.toHaveBeenCalled();
    expect(getEventListeners(session.signal, "abort")).toEqual([]);
  });

  it("is lost when somebody else deletes it, or it cannot be watched any more", async () => {
    const denied = new EtcdError("PERMISSION_DENIED", "no");
    for (const cause of [undefined, denied]) {
      const { etcd, services, own, opened } = await one();
      own.watchIn(250);
      await vi.advanceTimersByTimeAsync(250);
      expect(opened).toMatchObject([{ startRevision: own.createRevision + 1n, events: "deletes" }]);
      if (cause === undefined) await services.kv.delete("k");
      else etcd.breakWatches(cause);
      await settle();
      const how = cause === undefined ? "was deleted by somebody else" : "cannot be watched any more";
      expect(own.signal.reason).toMatchObject({ code: "NOT_HOLDER", message: `the session's key ${how}` });
      expect(own.signal.reason.cause).toBe(cause);
      expect(own.isHeld()).toBe(false);
    }
  });

  it("is looked at again when history was compacted", async () => {
    const { etcd, services, own, opened } = await one();
    own.watchIn(0);
    await vi.advanceTimersByTimeAsync(0);
    const { header } = await services.kv.put("else", "");
    const compacted = new EtcdError("COMPACTED", "no");
    etcd.breakWatches(compacted);
    await settle();
    expect(own.isHeld()).toBe(true);
    expect(opened).toMatchObject([
      { startRevision: own.createRevision + 1n },
      { startRevision: header.revision + 1n },
    ]);
    etcd.onStep = (step) => {
      if (step !== "event") return;
      etcd.onStep = () => undefined;
      etcd.breakWatches(compacted);
    };
    await services.kv.delete("k");
    await settle();
    expect(own.signal.reason).toMatchObject({ code: "NOT_HOLDER" });
    expect(opened).toHaveLength(2);
  });

  it("is looked at when asked for, and takes another value as long as it is there", async () => {
    const { services, own } = await one();
    await own.check(live);
    await own.write(toBytes("w", "value"));
    expect((await services.kv.get("k"))?.value).toEqual(toBytes("w", "value"));
    await services.kv.delete("k");
    const { signal } = own;
    await expect(own.check(live)).rejects.toMatchObject({ code: "NOT_HOLDER" });
    await expect(own.check(live)).rejects.toBe(signal.reason);
    await expect(own.write(value)).rejects.toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
  });
});
