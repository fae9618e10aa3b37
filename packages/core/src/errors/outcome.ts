/**
 * What is known of a write that failed.
 *
 * - `not-applied`: proven not to have happened, repeating it is safe.
 * - `unknown`: it may have happened, now or a little later. Read before you repeat it.
 */
export type Outcome = "not-applied" | "unknown";

// A caller's abort rejects with the caller's own reason, which has no room for an outcome.
const ofReason = new WeakMap<object, Outcome>();

/**
 * Remembers the outcome of a write that the caller aborted. One reason may end many calls: `unknown` for one of them
 * stays `unknown` for the reason.
 */
export function noteOutcome(reason: unknown, outcome: Outcome): void {
  if (typeof reason !== "object" || reason === null) return;
  if (ofReason.get(reason) !== "unknown") ofReason.set(reason, outcome);
}

/** The outcome noted for an abort reason. */
export function notedOutcome(reason: unknown): Outcome | undefined {
  return typeof reason === "object" && reason !== null ? ofReason.get(reason) : undefined;
}
