import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "./clock.js";

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

  it("can be cancelled between two of the steps in which it waits so long", () => {
    const fired = vi.fn();
    const cancel = systemClock.setTimer(2 ** 32, fired, true);
    vi.advanceTimersByTime(longestOfNode + 1);
    cancel();
    vi.advanceTimersByTime(2 ** 33);
    expect(fired).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
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
