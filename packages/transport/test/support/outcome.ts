/** How a promise has turned out so far. */
export interface Outcome<T> {
  value?: T;
  error?: unknown;
  readonly settled: boolean;
}

/** Watches a promise without waiting for it; nothing of it goes unhandled. */
export function outcomeOf<T>(promise: Promise<T>): Outcome<T> {
  const outcome: { value?: T; error?: unknown; settled: boolean } = { settled: false };
  promise.then(
    (value) => Object.assign(outcome, { value, settled: true }),
    (error: unknown) => Object.assign(outcome, { error, settled: true }),
  );
  return outcome;
}
