import { uptime } from "node:os";
import { type Clock, systemClock } from "@etcdkit/core";

// Reading the system's uptime takes ten times as long as all else that a look at the clock does.
const checkEveryMs = 100;
// The uptime of some systems comes in whole seconds.
const jumpMs = 1_000;

/**
 * The monotonic clock, moved on by the time for which the machine was suspended: on Linux that clock stands still then, while
 * the servers go on counting. Such time shows in the system's uptime, which nobody sets either. It is noticed a tenth of a
 * second after the machine woke up, at the latest.
 *
 * @param uptimeMs - How long the system has been up, suspended or not; a machine that does not tell is not asked again.
 */
export function suspensionClock(
  clock: Clock = systemClock,
  uptimeMs: () => number = () => uptime() * 1_000,
): Clock {
  let suspendedMs = 0;
  let checkAt = Number.NEGATIVE_INFINITY;
  let ahead = Number.POSITIVE_INFINITY;

  function check(now: number): void {
    checkAt = now + checkEveryMs;
    try {
      const aheadNow = uptimeMs() - now;
      if (aheadNow - ahead > jumpMs) suspendedMs += aheadNow - ahead;
      // What is less than a jump is the coarseness of the uptime; the least of it is nearest to the truth.
      ahead = aheadNow - ahead > jumpMs ? aheadNow : Math.min(ahead, aheadNow);
    } catch {
      checkAt = Number.POSITIVE_INFINITY;
    }
  }

  return {
    now() {
      const now = clock.now();
      if (now >= checkAt) check(now);
      return now + suspendedMs;
    },
    setTimer: (delayMs, callback, keepAlive) => clock.setTimer(delayMs, callback, keepAlive),
  };
}
