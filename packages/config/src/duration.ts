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
  let at = 0;
  let total = 0;
  for (const part of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    if (part.index !== at) return undefined;
    at += part[0].length;
    total += Number(part[1]) * (millisecondsPer[part[2] ?? ""] ?? Number.NaN);
  }
  return at === rest.length && at > 0 ? sign * total : undefined;
}
