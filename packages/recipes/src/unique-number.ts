// The monotonic clock, shifted once so that it reads as the time of day: it has the size of Go's nanoseconds since the epoch,
// and unlike these never shows the same number twice to one process.
const shift = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();

/**
 * A decimal number that nobody else has drawn, as far as one can know: nanoseconds since the epoch, about. Other processes
 * may draw the same one, so that whoever creates a key with it does so only if there is none.
 */
export function uniqueNumber(): string {
  return (shift + process.hrtime.bigint()).toString();
}
