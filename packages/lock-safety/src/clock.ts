/** Microseconds of the monotonic clock, which all processes of a machine share (CLOCK_MONOTONIC on Linux). */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
