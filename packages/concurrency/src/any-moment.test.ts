import { getEventListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { EtcdError, isEtcdError } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { FakeEtcd, type Step } from "../test/fake-etcd.js";
import { createElection } from "./election.js";
import { createMutex } from "./mutex.js";
import { openSession } from "./open-session.js";
import type { Session } from "./session.js";

/** A program that wants something that another one has, and gets it when that one is done with it. */
interface World {
  readonly etcd: FakeEtcd;
  readonly session: Session;
  readonly caller: AbortController;
}

/** What a program does with a name: acquire it and give it up again. */
type Work = (world: World) => Promise<unknown>;

const works: Readonly<Record<string, Work>> = {
  lock: async ({ session, caller }) => {
    const lock = await createMutex(session, "n").lock({ signal: caller.signal });
    await lock.unlock({ signal: caller.signal });
  },
  tryLock: async ({ session, caller }) => {
    const lock = await createMutex(session, "n").tryLock({ signal: caller.signal });
    await lock?.unlock({ signal: caller.signal });
  },
  campaign: async ({ session, caller }) => {
    const election = createElection(session, "n");
    const leadership = await election.campaign(session, "v", { signal: caller.signal });
    try {
      await leadership.proclaim("w", { signal: caller.signal });
    } finally {
      await leadership.resign({ signal: caller.signal });
    }
  },
};

const reason = new Error("no more");

type Happening = (world: World, step: Step) => void;

/** Runs some work, with something that happens at its n-th step. Says how it ended, and how many steps there were. */
async function run(work: Work, happens: Happening, at: number) {
  const etcd = new FakeEtcd();
  const other = await openSession(etcd.services());
  const session = await openSession(etcd.services());
  const held = await createMutex(other, "n").lock();
  const world: World = { etcd, session, caller: new AbortController() };
  let steps = 0;
  etcd.onStep = (step) => {
    steps += 1;
    if (steps === at) happens(world, step);
  };
  const startMs = performance.now();
  const ended = work(world).then(
    () => undefined,
    (error: unknown) => error,
  );
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  // Other programs may fail too; this one is to release it whatever happens.
  await held.unlock().catch(() => undefined);
  const error = await Promise.race([ended, delay(2_000, "pending", { ref: false })]);
  return { ...world, other, error, steps, tookMs: performance.now() - startMs };
}

/** Lets something happen at each step there is, one run for each, all at once. */
async function atEveryStep(work: Work, happens: Happening) {
  const { steps, error } = await run(work, () => undefined, -1);
  expect(error).toBeUndefined();
  return await Promise.all(Array.from({ length: steps }, (_, n) => run(work, happens, n + 1)));
}

// F67, F68, F73
describe.each(Object.entries(works))("%s, when at any moment of it", (name, work) => {
  it("its caller gives up, ends with the caller's reason and leaves nothing in the queue", async () => {
    const runs = await atEveryStep(work, ({ caller }) => caller.abort(reason));
    for (const { etcd, session, caller, error, tookMs } of runs) {
      expect([undefined, reason]).toContain(error);
      expect(tookMs).toBeLessThan(1_000);
      await vi.waitFor(() => expect(etcd.keys()).toEqual([]));
      expect(etcd.watches).toBe(0);
      expect(getEventListeners(caller.signal, "abort")).toHaveLength(0);
      expect(getEventListeners(session.signal, "abort")).toHaveLength(0);
      const next = await createMutex(session, "n").tryLock();
      expect(next?.isHeld()).toBe(true);
    }
    expect(runs.some(({ error }) => error === reason)).toBe(true);
  });

  it("its session is closed, ends within a second", async () => {
    const runs = await atEveryStep(work, ({ session }) => void session.close());
    for (const { etcd, session, error, tookMs } of runs) {
      expect(error === undefined || isEtcdError(error, "CLOSED") || isEtcdError(error, "NOT_HOLDER")).toBe(
        true,
      );
      expect(tookMs).toBeLessThan(1_000);
      await vi.waitFor(() => expect([etcd.keys(), etcd.watches]).toEqual([[], 0]));
      expect(getEventListeners(session.signal, "abort")).toHaveLength(0);
    }
    expect(runs.some(({ error }) => isEtcdError(error, "CLOSED"))).toBe(true);
  });

  it("its lease is lost, and the session told so, ends with SESSION_LOST and is the first to know", async () => {
    const runs = await atEveryStep(work, ({ etcd, session }) => {
      etcd.leases.get(session.leaseId)?.halt("deadline");
    });
    for (const { etcd, session, error, other, tookMs } of runs) {
      const lost = isEtcdError(error, "SESSION_LOST") || isEtcdError(error, "NOT_HOLDER");
      expect(error === undefined || lost).toBe(true);
      expect(tookMs).toBeLessThan(1_000);
      etcd.expire(session.leaseId);
      await (await createMutex(other, "n").lock()).unlock();
      expect([etcd.keys(), etcd.watches]).toEqual([[], 0]);
    }
    expect(runs.some(({ error }) => isEtcdError(error, "SESSION_LOST"))).toBe(true);
  });

  it("its lease is revoked behind its back, ends within a second, and never with what it has not", async () => {
    const runs = await atEveryStep(work, ({ etcd, session }) => etcd.expire(session.leaseId));
    for (const { etcd, error, other, tookMs } of runs) {
      const lost = isEtcdError(error, "SESSION_LOST") || isEtcdError(error, "NOT_HOLDER");
      expect(error === undefined || lost).toBe(true);
      expect(tookMs).toBeLessThan(1_000);
      await (await createMutex(other, "n").lock()).unlock();
      await vi.waitFor(() => expect([etcd.keys(), etcd.watches]).toEqual([[], 0]));
    }
    // Who only tries has nothing to lose before it holds the lock.
    expect(runs.some(({ error }) => isEtcdError(error, "SESSION_LOST"))).toBe(name !== "tryLock");
  });

  it("a message of its is lost for good, ends with that failure and leaves nothing in the queue", async () => {
    const runs = await atEveryStep(work, (_, step) => {
      if (step === "event") return;
      throw new EtcdError("UNAVAILABLE", "the link broke", { outcome: "unknown" });
    });
    for (const { etcd, session, error } of runs) {
      expect(error === undefined || isEtcdError(error, "UNAVAILABLE")).toBe(true);
      await vi.waitFor(() => expect(etcd.keys()).toEqual([]));
      await (await createMutex(session, "n").lock()).unlock();
    }
  });
});
