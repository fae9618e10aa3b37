/** The larger of two revisions: `Math.max` takes no bigints. */
export function larger(a: bigint, b: bigint): bigint {
  return a < b ? b : a;
}
