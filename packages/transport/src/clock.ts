/** Cancels a timer. */
export type CancelTimer = () => void;

/** Where time comes from. Tests put in their own; everybody else leaves it out. */
export interface Clock {
  /** Milliseconds of a clock that never goes back and that no one sets; only differences mean something. */
  now(): number;
  /**
   * Calls back once after `delayMs`; `Infinity` never does, but keeps the process alive if asked to.
   *
   * @param keepAlive - Whether the timer keeps the process alive. Calls that wait do; upkeep does not.
   */
  setTimer(delayMs: number, callback: () => void, keepAlive: boolean): CancelTimer;
}

// Node fires longer timers at once (its delays are signed 32-bit integers).
const longestDelayMs = 2 ** 31 - 1;

/** The monotonic clock of the process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(delayMs, callback, keepAlive) {
    let timer: NodeJS.Timeout;
    const start = (leftMs: number): void => {
      const next = leftMs > longestDelayMs ? () => start(leftMs - longestDelayMs) : callback;
      // Rounded up: a timer that fires a fraction early would find its deadline not reached yet.
      timer = setTimeout(next, Math.min(Math.max(Math.ceil(leftMs), 0), longestDelayMs));
      if (!keepAlive) timer.unref();
    };
    start(delayMs);
    return () => clearTimeout(timer);
  },
};
