/**
 * When what happens to a lease. All times are milliseconds of the monotonic clock. With a time to live of T, and counted
 * from when a renewal was sent:
 *
 * ```
 * T/4 .. T/3   it is renewed; the spread keeps leases that were granted together from being renewed together
 *        T/6   later: a renewal without an answer is repeated on another stream, and again each T/6
 *   0.95 T     the lease counts as lost
 *          T   the earliest moment at which the server can expire it
 * ```
 */

const spread = 0.25;
/** Leases that are due in the same stretch of this length are renewed together. */
const stretchMs = 50;
/** The share of the time to live that is given up, so that the holder stops before the server may begin with another. */
const margin = 0.05;

/** How long a keep-alive waits for its first answer: until then nobody here knows how long the lease lives. */
export const firstAnswerMs = 10_000;
const firstPatienceMs = 1_000;

/**
 * Until when the lease is certain to live. The server cannot have counted from earlier than the sending, and the margin
 * covers clocks that run unequally fast and the time it takes to hear of the loss and to stop.
 */
export function heldUntil(sentAt: number, ttlMs: number): number {
  return sentAt + ttlMs * (1 - margin);
}

/** When a lease that was renewed is to be renewed again. */
export function nextRenewalAt(sentAt: number, ttlMs: number, random: () => number = Math.random): number {
  const at = sentAt + (ttlMs / 3) * (1 - spread * random());
  return Math.floor(at / stretchMs) * stretchMs;
}

/** How long a renewal may stay without an answer before it is repeated. `ttlMs`: 0 while it is not known. */
export function patienceMs(ttlMs: number): number {
  return ttlMs === 0 ? firstPatienceMs : ttlMs / 6;
}
