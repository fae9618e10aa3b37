const millisecondsPer: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5, the micro sign
  μs: 1e-3, // U+03BC, the Greek letter
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads a duration as Go's `time.ParseDuration` does: `5s`, `1m30s`, `1.5h`, `250ms`.
 *
 * @returns Milliseconds; `undefined` for a text that is no duration, such as a number without a unit.
 */
export function parseDuration(text: string): number | undefined {
  if (/^[-+]?0$/.test(text)) return 0;
  const sign = text.startsWith("-") ? -1 : 1;
  const rest = text.replace(/^[-+]/, "");
  // Sticky, and without two ways to read the same digits: long texts take no longer than their length.
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let total = 0;
  do {
    const [, digits, unit] = part.exec(rest) ?? [];
    if (digits === undefined || unit === undefined) return undefined;
    total += Number(digits) * (millisecondsPer[unit] ?? Number.NaN);
  } while (part.lastIndex < rest.length);
  return sign * total;
}
