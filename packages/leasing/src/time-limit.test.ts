import { getEventListeners } from "node:events";
import { type Clock, outcomeOf } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { type Purpose, TimeLimit } from "./time-limit.js";

/** A clock that fires its timers when it is told. */
function manual(): { readonly clock: Clock; advance(ms: number): void; readonly timers: number } {
  const timers = new Map<() => void, number>();
  let now = 0;
  return {
    clock: {
      now: () => now,
      setTimer(delayMs, callback) {
        timers.set(callback, now + delayMs);
        return () => timers.delete(callback);
      },
    },
    advance(ms) {
      now += ms;
      for (const [callback, at] of timers) if (at <= now && timers.delete(callback)) callback();
    },
    get timers() {
      return timers.size;
    },
  };
}

const never = new Promise<never>(() => undefined);

function ground(outcome?: Purpose["outcome"]) {
  const time = manual();
  const life = new AbortController();
  return { time, life, purpose: { clock: time.clock, life: life.signal, defaultMs: 1_000, outcome } };
}

describe("a wait", () => {
  it("ends with what is waited for, and leaves no timer and no listener", async () => {
    const { purpose, time, life } = ground();
    const { signal } = new AbortController();
    const limit = new TimeLimit(purpose, { signal });
    expect(await limit.wait(Promise.resolve(5), "it")).toBe(5);
    await expect(limit.wait(Promise.reject(new Error("no")), "it")).rejects.toThrow("no");
    expect(time.timers).toBe(0);
    expect([...getEventListeners(signal, "abort"), ...getEventListeners(life.signal, "abort")]).toEqual([]);
  });

  it("ends with the caller's reason; of a write is then known that it was not sent", async () => {
    const { purpose } = ground("not-applied");
    const caller = new AbortController();
    const waiting = new TimeLimit(purpose, { signal: caller.signal }).wait(never, "it");
    const reason = new Error("changed my mind");
    caller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(outcomeOf(reason)).toBe("not-applied");
    expect(() => new TimeLimit(purpose, { signal: caller.signal }).check("it")).toThrow(reason);
  });

  it("ends when all does", async () => {
    const { purpose, life } = ground("not-applied");
    const limit = new TimeLimit(purpose, undefined);
    const waiting = limit.wait(never, "it");
    life.abort();
    await expect(waiting).rejects.toMatchObject({ code: "CLOSED", outcome: "not-applied" });
    expect(() => limit.check("it")).toThrow(expect.objectContaining({ code: "CLOSED" }));
  });

  it("ends when the time of the whole call is up, with what it was about and why", async () => {
    const { purpose, time } = ground();
    const limit = new TimeLimit(purpose, { timeoutMs: 500 });
    time.advance(300);
    const waiting = limit.wait(never, "an owner", () => "why");
    time.advance(199);
    time.advance(1);
    await expect(waiting).rejects.toMatchObject({
      code: "DEADLINE",
      message: "time was up while waiting for an owner",
      cause: "why",
    });
    expect(() => limit.check("more")).toThrow(expect.objectContaining({ code: "DEADLINE" }));
  });
});

describe("a step", () => {
  it("has what time the steps before it have left, where the caller has set any", () => {
    const { purpose, time } = ground();
    const { signal } = new AbortController();
    const limit = new TimeLimit(purpose, { timeoutMs: 500, requireLeader: true, idempotent: true, signal });
    time.advance(200);
    expect(limit.step()).toEqual({
      ...{ timeoutMs: 300, requireLeader: true, signal, idempotent: true },
    });
    time.advance(300);
    expect(limit.step()?.timeoutMs).toBe(1);
    expect(new TimeLimit(purpose, undefined).step()?.timeoutMs).toBeUndefined();
  });
});
