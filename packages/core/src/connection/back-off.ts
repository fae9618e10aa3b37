/** Pauses that grow: the n-th lasts up to `baseMs * 2^n`, at most `capMs`. */
export interface BackOff {
  readonly baseMs: number;
  readonly capMs: number;
  /** Share of the pause that chance decides, 0 to 1. With 1 ("full jitter") clients that failed together spread out. */
  readonly jitter: number;
}

/** Pauses between dials of one endpoint. */
export const dialBackOff: BackOff = { baseMs: 25, capMs: 5_000, jitter: 1 };

/** A link that stayed up this long starts again with the shortest pause. */
export const healthyAfterMs = 10_000;

/** Length of the pause after `failures` failures in a row, in milliseconds. */
export function pauseMs(backOff: BackOff, failures: number, random: () => number = Math.random): number {
  const longest = Math.min(backOff.capMs, backOff.baseMs * 2 ** Math.min(Math.max(failures - 1, 0), 30));
  return longest * (1 - backOff.jitter * random());
}
