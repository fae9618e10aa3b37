import type { Clock } from "../../src/clock.js";

/**
 * A clock that stands still until it is told to go on. All that is due has run when `advance` returns, in the same turn of
 * the event loop: the transport acts on frames and timers without promises, and its tests would not notice one. What is
 * above the transport waits for promises too, and its tests have a clock that lets those run in between.
 */
export interface ManualClock extends Clock {
  /** Goes on by so many milliseconds and runs what falls due on the way, in order. */
  advance(ms: number): void;
  /** How many timers are set. */
  readonly timers: number;
  /** The timers that are set: in how many milliseconds each is due, and whether it keeps the process alive. */
  readonly pending: readonly { readonly dueInMs: number; readonly keepAlive: boolean }[];
}

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
  readonly keepAlive: boolean;
}

export function createManualClock(startMs = 1_000): ManualClock {
  let now = startMs;
  const timers = new Set<Timer>();
  return {
    now: () => now,
    get timers() {
      return timers.size;
    },
    get pending() {
      return [...timers].map(({ dueAt, keepAlive }) => ({ dueInMs: dueAt - now, keepAlive }));
    },
    setTimer(delayMs, callback, keepAlive) {
      const timer = { dueAt: now + Math.max(delayMs, 0), callback, keepAlive };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = now + ms;
      while (true) {
        const [next] = [...timers].sort((a, b) => a.dueAt - b.dueAt);
        if (next === undefined || next.dueAt > end) break;
        timers.delete(next);
        now = next.dueAt;
        next.callback();
      }
      now = end;
    },
  };
}

/** Lets everything run that waits for the present turn of the event loop to end, twice over. */
export async function turn(): Promise<void> {
  for (let round = 0; round < 2; round++) await new Promise((resolve) => setImmediate(resolve));
}
