/** One bucket of a histogram that is not empty: its index and how many durations fell into it. */
export type BucketCount = readonly [index: number, count: number];

// 128 buckets to each power of two: a duration is known to better than 1 %, and recording one costs a few instructions.
const subBucketBits = 7;
const ticksPerMs = 10_000;
// A signed 32-bit integer of ticks: somewhat above 214 s, longer than anything that is measured here.
const longestTicks = 2 ** 31 - 1;
const bucketCount = bucketOf(longestTicks) + 1;

/**
 * Durations counted in buckets whose width grows with the duration, in ticks of 100 ns. It allocates nothing while it
 * records, so that it does not disturb what it measures. The Go program of this package counts in the same buckets.
 */
export class Histogram {
  readonly #counts = new Uint32Array(bucketCount);

  /** Counts a duration in milliseconds; a negative one counts as none. */
  record(durationMs: number): void {
    const ticks = Math.min(Math.max(durationMs * ticksPerMs, 0), longestTicks) | 0;
    const bucket = bucketOf(ticks);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  reset(): void {
    this.#counts.fill(0);
  }

  /** The buckets that are not empty, in their order: what travels from a measuring process to the one that reports. */
  buckets(): readonly BucketCount[] {
    const found: BucketCount[] = [];
    for (const [index, count] of this.#counts.entries()) {
      if (count > 0) found.push([index, count]);
    }
    return found;
  }
}

/**
 * The duration, in milliseconds, that the given share of all durations does not exceed; the middle of its bucket.
 *
 * @param share - Above 0, at most 1: 0.99 for the 99th percentile.
 * @throws `RangeError` for another share, or when nothing was counted.
 */
export function percentileMs(buckets: readonly BucketCount[], share: number): number {
  if (!(share > 0 && share <= 1)) throw new RangeError(`share: expected above 0 to 1, got ${share}`);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let left = Math.ceil(total * share);
  for (const [index, count] of buckets) {
    left -= count;
    if (left <= 0) return middleOf(index) / ticksPerMs;
  }
  throw new RangeError("buckets: nothing was counted");
}

function bucketOf(ticks: number): number {
  const shift = Math.max(0, 31 - subBucketBits - Math.clz32(ticks));
  return (shift << subBucketBits) + (ticks >>> shift);
}

/** In ticks. The inverse of {@link bucketOf}, except for the place within the bucket. */
function middleOf(bucket: number): number {
  const shift = Math.max(0, (bucket >>> subBucketBits) - 1);
  const lowest = (bucket - (shift << subBucketBits)) * 2 ** shift;
  return lowest + 2 ** shift / 2;
}
