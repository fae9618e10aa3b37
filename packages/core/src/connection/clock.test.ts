import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ManualClock } from "../../test/manual-clock.js";
import { sleep, systemClock } from "./clock.js";

const longestOfNode = 2 ** 31 - 1;

describe("the system clock", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is monotonic: it does not follow the time of day", () => {
    vi.setSystemTime(0);
    const before = systemClock.now();
    vi.setSystemTime(2 ** 40);
    expect(systemClock.now() - before).toBeLessThan(60_000);
  });

  it("fires once, after the delay, unless cancelled", () => {
    const fired = vi.fn();
    const cancelled = vi.fn();
    systemClock.setTimer(100, fired, true);
    systemClock.setTimer(100, cancelled, true)();
    vi.advanceTimersByTime(99);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(fired).toHaveBeenCalledOnce();
    expect(cancelled).not.toHaveBeenCalled();
  });

  it("rounds up, so that a deadline has come when its timer fires", () => {
    const fired = vi.fn();
    systemClock.setTimer(10.2, fired, true);
    vi.advanceTimersByTime(10);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledOnce();
  });

  it("takes a time that has passed for now", () => {
    const fired = vi.fn();
    systemClock.setTimer(-5, fired, true);
    vi.advanceTimersByTime(1);
    expect(fired).toHaveBeenCalledOnce();
  });

  it("waits longer than Node's timers can: they would fire at once", () => {
    const fired = vi.fn();
    systemClock.setTimer(longestOfNode + 5_000, fired, true);
    vi.advanceTimersByTime(longestOfNode);
    expect(fired).not.toHaveBeenCalled();
    vi.advanceTimersByTime(5_000);
    expect(fired).toHaveBeenCalledOnce();
  });

  it("never fires after Infinity, and can be cancelled however long it ran", () => {
    const fired = vi.fn();
    const cancel = systemClock.setTimer(Number.POSITIVE_INFINITY, fired, true);
    vi.advanceTimersByTime(longestOfNode * 3);
    expect(fired).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(1);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("timers and the process", () => {
  it("are kept alive by what a call waits for, and not by upkeep", () => {
    const set = vi.spyOn(globalThis, "setTimeout");
    const cancels = [
      systemClock.setTimer(60_000, () => undefined, true),
      systemClock.setTimer(60_000, () => undefined, false),
    ];
    const [call, upkeep] = set.mock.results.map(({ value }) => value as NodeJS.Timeout);
    expect(call?.hasRef()).toBe(true);
    expect(upkeep?.hasRef()).toBe(false);
    for (const cancel of cancels) cancel();
    set.mockRestore();
  });
});

describe("sleep", () => {
  it("resolves after the time, and keeps the process alive until then", async () => {
    const clock = new ManualClock();
    const slept = sleep(clock, 100, undefined);
    expect(clock.timers).toEqual([{ dueInMs: 100, keepAlive: true }]);
    await clock.advance(100);
    await expect(slept).resolves.toBeUndefined();
  });

  it("does not keep the process alive for upkeep", async () => {
    const clock = new ManualClock();
    const slept = sleep(clock, 100, undefined, false);
    expect(clock.timers).toEqual([{ dueInMs: 100, keepAlive: false }]);
    await clock.advance(100);
    await slept;
  });

  it("rejects with the reason of the signal as soon as it aborts, and clears its timer", async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const slept = sleep(clock, 100, abort.signal);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(slept).rejects.toBe(reason);
    expect(clock.timers).toEqual([]);
    await expect(sleep(clock, 100, abort.signal)).rejects.toBe(reason);
    expect(clock.timers).toEqual([]);
  });

  it("leaves no listener behind", async () => {
    const clock = new ManualClock();
    const { signal } = new AbortController();
    const slept = sleep(clock, 100, signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await clock.advance(100);
    await slept;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});
