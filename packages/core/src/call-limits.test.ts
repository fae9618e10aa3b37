import { getEventListeners } from "node:events";
import type { CancelTimer } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../test/manual-clock.js";
import { CallLimits, forAnswer, withinLimits } from "./call-limits.js";
import { noteDelay } from "./errors/abort-delay.js";
import { EtcdError } from "./errors/etcd-error.js";

const forever = new Promise<never>(() => undefined);
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("limits of a call", () => {
  it("end it with the reason of what they follow, the caller's first", async () => {
    const [caller, session] = [new AbortController(), new AbortController()];
    const call = withinLimits("lock", { signal: caller.signal }, (limits) => {
      limits.follow(session.signal);
      return limits.race(forever);
    });
    session.abort("lost");
    await expect(call).rejects.toBe("lost");
    caller.abort("enough");
    const late = withinLimits("lock", { signal: caller.signal }, async (limits) => {
      limits.follow(session.signal);
    });
    await expect(late).rejects.toBe("enough");
  });

  it("end it with the caller's reason also where the caller's signal ends what they follow", async () => {
    const [caller, session] = [new AbortController(), new AbortController()];
    caller.signal.addEventListener("abort", () => session.abort("closed"));
    const call = withinLimits("lock", { signal: caller.signal }, (limits) => {
      limits.follow(session.signal);
      return limits.race(forever);
    });
    caller.abort("enough");
    await expect(call).rejects.toBe("enough");
  });

  it("of a call that waits for an answer only are ten seconds, unless it has some of its own", () => {
    const { signal } = new AbortController();
    expect(forAnswer()).toEqual({ signal: undefined, timeoutMs: 10_000 });
    expect(forAnswer({ signal, timeoutMs: 5 })).toEqual({ signal, timeoutMs: 5 });
  });

  it("end it when its time is up, and say what it was waiting for", async () => {
    const clock = new ManualClock();
    const limits = new CallLimits("lock", { timeoutMs: 250 }, clock);
    limits.waitingFor = "other sessions";
    const work = rejection(limits.race(forever));
    await clock.advance(250);
    expect(limits.told(await work)).toMatchObject({
      code: "DEADLINE",
      message: "lock took longer than 250 ms, waiting for other sessions",
    });
  });

  it("tell what a step that was ended knew: its endpoint, the last failure, and what became of a write", async () => {
    const clock = new ManualClock();
    const limits = new CallLimits("lock", { timeoutMs: 250 }, clock);
    const cause = new EtcdError("UNAVAILABLE", "no");
    await clock.advance(250);
    noteDelay(limits.signal.reason, { what: "a connection", endpoint: "http://a:1", cause });
    expect(limits.told(limits.signal.reason, "not-applied")).toMatchObject({
      message: "lock took longer than 250 ms, waiting for a connection",
      endpoint: "http://a:1",
      outcome: "not-applied",
      cause,
    });
    const other = new Error("of the work");
    expect(limits.told(other)).toBe(other);
  });

  it("let what has arrived be read before time counts as up", async () => {
    let fire = (): void => undefined;
    const setTimer = (_delayMs: number, callback: () => void): CancelTimer => {
      fire = callback;
      return () => undefined;
    };
    const limits = new CallLimits("lock", { timeoutMs: 250 }, { now: () => 0, setTimer });
    fire();
    expect(limits.signal.aborted).toBe(false);
    await new Promise(setImmediate);
    expect(limits.signal.aborted).toBe(true);
  });

  it("leave nothing behind: no listener, no timer", async () => {
    const clock = new ManualClock();
    const caller = new AbortController();
    const limits = new CallLimits("lock", { signal: caller.signal, timeoutMs: 250 }, clock);
    expect(clock.timers).toEqual([{ dueInMs: 250, keepAlive: true }]);
    await limits.race(Promise.resolve());
    limits.end();
    expect(clock.timers).toEqual([]);
    expect(getEventListeners(caller.signal, "abort")).toEqual([]);
    expect(getEventListeners(limits.signal, "abort")).toEqual([]);
    await withinLimits("lock", { signal: caller.signal, timeoutMs: 60_000 }, () => Promise.resolve());
    expect(getEventListeners(caller.signal, "abort")).toEqual([]);
  });

  it("leave work that does not listen to itself", async () => {
    const caller = new AbortController();
    const call = withinLimits("lock", { signal: caller.signal }, (limits) => limits.race(forever));
    caller.abort("enough");
    await expect(call).rejects.toBe("enough");
    expect(await withinLimits("lock", undefined, (limits) => limits.race(Promise.resolve(7)))).toBe(7);
  });
});
