import { getEventListeners } from "node:events";
import { EtcdError } from "@etcdkit/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gate } from "../test/gate.js";
import { orAborted, within } from "./within.js";

/** Waits until the signal aborts. */
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

describe("within", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("ends with the work, and leaves nothing behind", async () => {
    const [own, session] = [new AbortController(), new AbortController()];
    const options = { signal: own.signal, timeoutMs: 1_000 };
    expect(await within(options, [session.signal], "a friend", async () => 7)).toBe(7);
    for (const { signal } of [own, session]) expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends with whichever signal aborts first, and its reason", async () => {
    const [own, session] = [new AbortController(), new AbortController()];
    const first = within({ signal: own.signal }, [session.signal], "a friend", untilAborted);
    session.abort("lost");
    await expect(first).rejects.toBe("lost");
    expect(getEventListeners(own.signal, "abort")).toEqual([]);
    own.abort("enough");
    // Both have aborted: the caller hears its own reason. Nothing is begun.
    const work = vi.fn(untilAborted);
    await expect(within({ signal: own.signal }, [session.signal], "a friend", work)).rejects.toBe("enough");
    await expect(within(undefined, [session.signal], "a friend", work)).rejects.toBe("lost");
    expect(work).not.toHaveBeenCalled();
  });

  it("ends with DEADLINE when its time is up, after what has arrived is looked at", async () => {
    const waiting = within({ timeoutMs: 250 }, [], "a friend", untilAborted);
    const ended = expect(waiting).rejects.toMatchObject({
      code: "DEADLINE",
      message: "waited 250 ms for a friend",
    });
    await vi.advanceTimersByTimeAsync(249);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(2);
    await ended;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("knows no time limit unless there is one", async () => {
    const controller = new AbortController();
    const options = { timeoutMs: Number.POSITIVE_INFINITY, signal: controller.signal };
    const waiting = within(options, [], "a friend", untilAborted);
    expect(vi.getTimerCount()).toBe(0);
    controller.abort("enough");
    await expect(waiting).rejects.toBe("enough");
  });
});

describe("orAborted", () => {
  it("is the promise, or the abort, whichever comes first", async () => {
    const controller = new AbortController();
    expect(await orAborted(Promise.resolve(1), controller.signal)).toBe(1);
    const failure = new EtcdError("UNAVAILABLE", "no");
    await expect(orAborted(Promise.reject(failure), controller.signal)).rejects.toBe(failure);
    const pending = gate<number>();
    const either = orAborted(pending.promise, controller.signal);
    controller.abort("enough");
    await expect(either).rejects.toBe("enough");
    pending.reject(failure); // heard by nobody, and no unhandled rejection
    await expect(orAborted(Promise.resolve(1), controller.signal)).rejects.toBe("enough");
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  });
});
