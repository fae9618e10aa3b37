import { type CancelTimer, type Clock, EtcdError } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { persistently } from "./persistently.js";

/** A clock on which everything is due at once, and which remembers for how long it was asked to wait. */
class HastyClock implements Clock {
  readonly pauses: number[] = [];
  now(): number {
    return 0;
  }
  setTimer(delayMs: number, callback: () => void): CancelTimer {
    this.pauses.push(delayMs);
    const timer = setImmediate(callback);
    return () => clearImmediate(timer);
  }
}

const away = (): EtcdError => new EtcdError("UNAVAILABLE", "away");

describe("what may pass by itself", () => {
  it("is tried again after pauses of at most five seconds, each of which is told of", async () => {
    const clock = new HastyClock();
    let left = 12;
    const work = persistently({ clock, signal: undefined }, async () => {
      left -= 1;
      if (left > 0) throw away();
      return "done";
    });
    const told: (readonly [number, number])[] = [];
    let step = await work.next();
    for (; step.done !== true; step = await work.next()) {
      expect(step.value.error.code).toBe("UNAVAILABLE");
      told.push([step.value.failures, step.value.pauseMs]);
    }
    expect(step.value).toBe("done");
    expect(told.map(([failures]) => failures)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(told.map(([, pauseMs]) => pauseMs)).toEqual(clock.pauses);
    for (const [i, pause] of clock.pauses.entries()) {
      expect(pause).toBeLessThanOrEqual(Math.min(50 * 2 ** i, 5_000));
    }
  });

  it.each([
    ["DEADLINE", undefined, true],
    ["NO_SPACE", "RESOURCE_EXHAUSTED", true],
    ["NO_LEADER", "UNAVAILABLE", true],
    ["MESSAGE_TOO_LARGE", "RESOURCE_EXHAUSTED", false],
    ["PERMISSION_DENIED", "PERMISSION_DENIED", false],
    ["REQUEST_TOO_LARGE", "INVALID_ARGUMENT", false],
    ["CLOSED", undefined, false],
  ] as const)("%s of %s: %s", async (code, grpcCode, passes) => {
    let calls = 0;
    const work = finish(
      persistently({ clock: new HastyClock(), signal: undefined }, async () => {
        calls += 1;
        if (calls === 1) throw new EtcdError(code, "", { grpcCode });
      }),
    );
    if (passes) await work;
    else await expect(work).rejects.toMatchObject({ code });
    expect(calls).toBe(passes ? 2 : 1);
  });

  it("is given up with the signal's reason, also in the middle of a pause", async () => {
    const reason = new Error("enough");
    const stopping = new AbortController();
    const clock: Clock = {
      now: () => 0,
      setTimer: () => {
        setImmediate(() => stopping.abort(reason));
        return () => undefined;
      },
    };
    const work = persistently({ clock, signal: stopping.signal }, () => Promise.reject(away()));
    await expect(finish(work)).rejects.toBe(reason);
  });

  it("is anything but errors of etcd", async () => {
    const mistake = new TypeError("no");
    const work = persistently({ clock: new HastyClock(), signal: undefined }, () => Promise.reject(mistake));
    await expect(finish(work)).rejects.toBe(mistake);
  });
});

/** Runs to the end what nobody wants to hear the waits of. */
async function finish<T>(work: AsyncGenerator<unknown, T, undefined>): Promise<T> {
  let step = await work.next();
  while (step.done !== true) step = await work.next();
  return step.value;
}
