// The monotonic clock, shifted once so that it reads as the time of day: it has the size of Go's nanoseconds since the epoch,
// and unlike these is not set back.
const shift = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
let last = 0n;

/**
 * A decimal number that this process has not drawn before, whatever the clock says, and nobody else has, as far as one can
 * know: nanoseconds since the epoch, about. Other processes may draw the same one, so that whoever creates a key with it does
 * so only if there is none.
 */
export function uniqueNumber(): string {
  const now = shift + process.hrtime.bigint();
  last = now > last ? now : last + 1n;
  return last.toString();
}
