import { getEventListeners } from "node:events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { CallLimits } from "./call-limits.js";

afterEach(() => void vi.useRealTimers());

describe("CallLimits", () => {
  it("ends with the first of the caller's signal, the time limit and what it follows", async () => {
    vi.useFakeTimers();
    const timed = new CallLimits("lock", { timeoutMs: 50 });
    vi.advanceTimersByTime(49);
    expect(timed.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(timed.signal.reason).toMatchObject({
      code: "DEADLINE",
      message: "lock took longer than 50 ms: it was waiting for an answer of the cluster",
    });

    const caller = new AbortController();
    const called = new CallLimits("lock", { signal: caller.signal, timeoutMs: 50 });
    caller.abort("enough");
    expect(called.signal.reason).toBe("enough");
    called.end();
    expect(new CallLimits("lock", { signal: caller.signal }).signal.reason).toBe("enough");

    const followed = new AbortController();
    const following = new CallLimits("lock");
    following.follow(followed.signal);
    followed.abort("over");
    expect(following.signal.reason).toBe("over");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leaves no timer and no listener behind once it is ended", async () => {
    vi.useFakeTimers();
    const [caller, session] = [new AbortController(), new AbortController()];
    const limits = new CallLimits("lock", { signal: caller.signal, timeoutMs: 50 });
    limits.follow(session.signal);
    await limits.race(Promise.resolve());
    limits.end();
    expect(vi.getTimerCount()).toBe(0);
    for (const { signal } of [caller, session, limits]) {
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    }
    expect(new CallLimits("lock", { timeoutMs: Number.POSITIVE_INFINITY }).signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits for work only until it ends, and lets nothing that comes of it later escape", async () => {
    const caller = new AbortController();
    const limits = new CallLimits("lock", { signal: caller.signal });
    const failure = new Error("late");
    let fail = (): void => undefined;
    const work = new Promise<never>((_, reject) => {
      fail = () => reject(failure);
    });
    const raced = expect(limits.race(work)).rejects.toBe("enough");
    caller.abort("enough");
    await raced;
    fail();
    await expect(limits.race(Promise.resolve(1))).rejects.toBe("enough");
    expect(await new CallLimits("lock").race(Promise.resolve(1))).toBe(1);
    await expect(new CallLimits("lock").race(Promise.reject(failure))).rejects.toBe(failure);
  });
});
