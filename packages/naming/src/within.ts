import { type Clock, sleep } from "@etcdkit/core";

/** How long something is waited for. */
export interface Wait {
  readonly signal: AbortSignal | undefined;
  /** `Infinity` waits for ever. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** The error of a wait that took too long. */
  readonly late: () => Error;
}

/** Waits for a promise, but no longer than told: rejects with `signal.reason`, or with what `late` makes. */
export async function within<T>(promise: Promise<T>, { signal, timeoutMs, clock, late }: Wait): Promise<T> {
  // Whoever does not wait to the end leaves nothing unheard.
  promise.catch(() => undefined);
  signal?.throwIfAborted();
  const over = new AbortController();
  const onAbort = (): void => over.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const timedOut = sleep(clock, timeoutMs, over.signal).then(() => {
    throw late();
  });
  try {
    return await Promise.race([promise, timedOut]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
    over.abort();
  }
}
