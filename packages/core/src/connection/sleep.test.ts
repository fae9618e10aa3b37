import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../test/manual-clock.js";
import { sleep } from "./sleep.js";

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
