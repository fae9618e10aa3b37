/** What repeated measurements of one thing came to. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/**
 * The middle of some numbers: the mean of the two in the middle when there is an even number of them.
 *
 * @throws `RangeError` when there is none.
 */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  if (low === undefined || high === undefined) throw new RangeError("numbers: there is none");
  return (low + high) / 2;
}

/** @throws `RangeError` when there is no number. */
export function spreadOf(numbers: readonly number[]): Spread {
  return { median: median(numbers), least: Math.min(...numbers), most: Math.max(...numbers) };
}

/** How often the second median goes into the first; undefined without either, or when the second is 0. */
export function ratio(one: Spread | undefined, other: Spread | undefined): number | undefined {
  if (one === undefined || other === undefined || other.median === 0) return undefined;
  return one.median / other.median;
}
