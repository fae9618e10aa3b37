/** The longest that this process counts as having run between two looks at the clock. */
const longestTurnMs = 25;
const limitMs = 5_000;

/**
 * Waits for something to happen, and says how many milliseconds that took. Time for which the machine did not let this process
 * run is left out: nobody can promise to be heard of within that. Fails after five seconds.
 */
export async function within(event: Promise<unknown>): Promise<number> {
  let [ranMs, lastMs] = [0, performance.now()];
  const look = (): number => {
    const nowMs = performance.now();
    ranMs += Math.min(nowMs - lastMs, longestTurnMs);
    lastMs = nowMs;
    return ranMs;
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setInterval(() => {
      if (look() > limitMs) reject(new Error("it did not happen within five seconds"));
    }, 5);
  });
  try {
    await Promise.race([event, late]);
    return look();
  } finally {
    clearInterval(timer);
  }
}
