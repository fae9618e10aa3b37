import { EtcdError } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { FakeServices } from "../test/fake-services.js";
import { LeasingKeys } from "./leasing-keys.js";
import type { LeasingGround } from "./leasing-session.js";
import { SessionKeeper } from "./session-keeper.js";
import { TimeLimit } from "./time-limit.js";

async function kept() {
  const [services, clock, life] = [new FakeServices(), new ManualClock(), new AbortController()];
  const { kv, leases, watcher } = services;
  const keys = new LeasingKeys(toBytes("leasing/", "prefix"));
  const ground: LeasingGround = {
    ...{ kv, leases, watcher, keys, clock, life: life.signal, ttlSeconds: 10 },
    ...{ maxKeys: 100, maxBytes: 1_000_000, doubtedUpTo: 0n },
  };
  const sessions = await SessionKeeper.start(ground, life);
  const limit = (timeoutMs = 60_000): TimeLimit =>
    new TimeLimit({ clock, life: life.signal, defaultMs: timeoutMs, outcome: "not-applied" }, undefined);
  return { services, clock, life, sessions, limit };
}

describe("sessions", () => {
  it("follow one another: a lost one is dropped at once, and the next comes after a pause", async () => {
    const { services, clock, sessions, limit } = await kept();
    const first = await sessions.ready(limit());
    services.lose();
    expect(first.signal.aborted).toBe(true);
    expect(sessions.current).toBeUndefined();
    const next = sessions.ready(limit());
    await clock.advance(99);
    expect(services.granted).toEqual([1n]);
    await clock.advance(101);
    expect((await next).leaseId).toBe(2n);
    expect(sessions.current).not.toBe(first);
    expect(services.revoked).toEqual([1n]);
    await sessions.close();
  });

  // C-20
  it("are not tried for without a pause: of 100 ms at first, of 2 s at the most", async () => {
    const { services, clock, sessions, limit } = await kept();
    services.refusal = new EtcdError("UNAVAILABLE", "no lease for you");
    services.lose();
    services.attempts = 0;
    await clock.advance(100_000);
    expect(services.attempts).toBeGreaterThanOrEqual(50);
    expect(services.attempts).toBeLessThanOrEqual(105);
    const waiting = expect(sessions.ready(limit(500))).rejects.toMatchObject({
      ...{ code: "DEADLINE", outcome: "not-applied", cause: services.refusal },
    });
    await clock.advance(500);
    await waiting;
    services.refusal = undefined;
    await clock.advance(2_000);
    expect((await sessions.ready(limit())).signal.aborted).toBe(false);
    await sessions.close();
  });

  it("begin with the shortest pause again after one that lasted", async () => {
    const { services, clock, sessions, limit } = await kept();
    for (let loss = 0; loss < 6; loss++) {
      services.lose();
      await clock.advance(2_000);
      await sessions.ready(limit());
    }
    await clock.advance(10_000);
    services.lose();
    const next = sessions.ready(limit());
    await clock.advance(200);
    await next;
    await sessions.close();
  });

  it("that are lost before they are open are followed by another after a pause, and nobody waits busily meanwhile", async () => {
    const { services, clock, life, sessions } = await kept();
    let open: (created: { readonly revision: bigint }) => void = () => undefined;
    services.watchCreated = new Promise((resolve) => {
      open = resolve;
    });
    services.lose();
    await clock.advance(2_000);
    expect(services.granted).toEqual([1n, 2n]);
    // Every look moves its clock on, so that who looks for ever comes to an end.
    let looks = 0;
    const looking = { now: () => looks++, setTimer: () => () => undefined };
    const ready = sessions.ready(
      new TimeLimit({ clock: looking, life: life.signal, defaultMs: 1_000 }, undefined),
    );
    services.lose();
    services.watchCreated = Promise.resolve({ revision: 1n });
    open({ revision: 1n });
    await clock.settle();
    await clock.advance(2_000);
    expect((await ready).leaseId).toBe(3n);
    expect(looks).toBeLessThan(20);
    await sessions.close();
  });

  it("that cannot be opened leave no lease behind", async () => {
    const { services, clock, sessions, limit } = await kept();
    const open = vi.spyOn(services.watcher, "open").mockImplementationOnce(() => {
      throw new EtcdError("UNAVAILABLE", "nothing to watch with");
    });
    services.lose();
    await clock.advance(4_000);
    expect((await sessions.ready(limit())).leaseId).toBe(3n);
    expect([open.mock.calls.length, services.revoked]).toEqual([2, [1n, 2n]]);
    await sessions.close();
  });

  it("end with the watch over the leasing keys as well as with the lease", async () => {
    const { services, clock, sessions, limit } = await kept();
    const session = await sessions.ready(limit());
    const failure = new EtcdError("PERMISSION_DENIED", "not yours to see");
    services.watch.end(failure);
    await clock.settle();
    expect(session.signal.reason).toBe(failure);
    expect(services.revoked).toEqual([1n]);
    await sessions.close();
  });

  it("end for good, with all who wait for one, when they are closed or what they are built on is", async () => {
    const one = await kept();
    one.services.lose();
    const waiting = expect(one.sessions.ready(one.limit())).rejects.toMatchObject({ code: "CLOSED" });
    await one.sessions.close();
    await waiting;
    expect(one.clock.timers).toEqual([]);

    const other = await kept();
    other.services.refusal = new EtcdError("CLOSED", "the connection is closed");
    other.services.lose();
    const late = expect(other.sessions.ready(other.limit())).rejects.toMatchObject({ code: "CLOSED" });
    await other.clock.advance(2_000);
    await late;
    expect(other.life.signal.aborted).toBe(true);
    expect(other.clock.timers).toEqual([]);
    await other.sessions.close();
  });
});
