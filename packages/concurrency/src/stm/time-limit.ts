import { type Clock, delayOf, EtcdError, outcomeOf } from "@etcdkit/core";

/** A signal that aborts with the caller's, or when the time of a transaction is up. */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#controller.abort(this.#caller?.reason);
  readonly #cancelTimer: () => void;
  readonly #expiry: EtcdError;

  constructor(caller: AbortSignal | undefined, timeoutMs: number, clock: Clock) {
    this.#expiry = new EtcdError("DEADLINE", `the transaction took longer than ${timeoutMs} ms`);
    this.#caller = caller;
    caller?.addEventListener("abort", this.#onAbort, { once: true });
    if (caller?.aborted) this.#onAbort();
    this.#cancelTimer = Number.isFinite(timeoutMs)
      ? clock.setTimer(timeoutMs, () => this.#controller.abort(this.#expiry), true)
      : () => undefined;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Takes back the timer and the listener. */
  end(): void {
    this.#cancelTimer();
    this.#caller?.removeEventListener("abort", this.#onAbort);
  }

  /**
   * What a transaction that failed is to reject with: where the time was up, an error that tells what is known of the
   * commit, and what was waited for.
   *
   * @param committing - Whether the commit was sent.
   */
  told(error: unknown, committing: boolean): unknown {
    if (error !== this.#expiry) return error;
    const outcome = committing ? (outcomeOf(error) ?? "unknown") : "not-applied";
    const { what, endpoint, cause } = delayOf(this.#expiry) ?? {};
    const waiting = what === undefined ? "" : `, waiting for ${what}`;
    return new EtcdError("DEADLINE", `${this.#expiry.message}${waiting}`, { outcome, endpoint, cause });
  }
}

/** Waits for work that does not know of a signal. Rejects as soon as the signal aborts; the work is left to itself then. */
export async function untilAborted<T>(signal: AbortSignal, work: () => PromiseLike<T>): Promise<T> {
  signal.throwIfAborted();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
