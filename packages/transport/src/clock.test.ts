import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sleep, systemClock } from "./clock.js";

describe("systemClock", () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => vi.useRealTimers());

  it("never calls back early: fractions of a millisecond are rounded up", () => {
    const callback = vi.fn();
    systemClock.setTimer(10.2, callback, false);
    vi.advanceTimersByTime(10);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it("waits longer than Node's timers can, in several steps", () => {
    const callback = vi.fn();
    const dayMs = 86_400_000;
    systemClock.setTimer(60 * dayMs, callback, false);
    vi.advanceTimersByTime(60 * dayMs - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it("cancels, also between two steps", () => {
    const callback = vi.fn();
    const cancel = systemClock.setTimer(2 ** 32, callback, false);
    vi.advanceTimersByTime(2 ** 31);
    cancel();
    vi.advanceTimersByTime(2 ** 33);
    expect(callback).not.toHaveBeenCalled();
  });

  it("takes a time that is past for now", () => {
    const callback = vi.fn();
    systemClock.setTimer(-5, callback, false);
    vi.advanceTimersByTime(0);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it("sleeps until the time is up or the signal aborts", async () => {
    const slept = sleep(systemClock, 100, undefined);
    vi.advanceTimersByTime(100);
    await slept;
    const controller = new AbortController();
    const disturbed = sleep(systemClock, 100, controller.signal);
    controller.abort(new Error("up!"));
    await expect(disturbed).rejects.toThrow("up!");
    expect(vi.getTimerCount()).toBe(0);
    await expect(sleep(systemClock, 100, controller.signal)).rejects.toThrow("up!");
  });
});
