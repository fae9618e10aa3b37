/**
 * What is known of a request that failed:
 *
 * - `unsent`: the server cannot have it: nothing of it reached a socket, or not its end.
 * - `refused`: the server said that it did not look at it (RFC 9113, 8.7: REFUSED_STREAM, or beyond GOAWAY's last stream).
 * - `unknown`: the server may have processed it.
 *
 * Errors carry it as the property `disposition`; an error without one counts as `unknown`.
 */
export type Disposition = "unsent" | "refused" | "unknown";

/** The disposition that a transport put on an error. */
export function dispositionOf(error: unknown): Disposition {
  if (typeof error !== "object" || error === null || !("disposition" in error)) return "unknown";
  return error.disposition === "unsent" || error.disposition === "refused" ? error.disposition : "unknown";
}
