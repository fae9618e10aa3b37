import { EtcdError, systemClock } from "@etcdkit/core";

/** How long a call that waits may wait. */
export interface WaitOptions {
  /** Ends the wait; the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The longest that it may take, in milliseconds; above 0. Default: as long as it takes, and the session lives. */
  readonly timeoutMs?: number | undefined;
}

/**
 * All that can end a call, in one signal: the caller, its time limit, and whatever else it follows. To be ended with the
 * call, since some of it outlives the call by far.
 */
export class CallLimits {
  /** What the call is doing, for the error when its time is up. */
  doing = "waiting for an answer of the cluster";
  readonly #controller = new AbortController();
  readonly #unfollow: (() => void)[] = [];

  /** @param what - The call, for the error when its time is up. */
  constructor(what: string, { signal, timeoutMs }: WaitOptions = {}) {
    if (signal !== undefined) this.follow(signal);
    if (timeoutMs === undefined || timeoutMs === Number.POSITIVE_INFINITY || this.signal.aborted) return;
    const timeUp = (): void => {
      const text = `${what} took longer than ${timeoutMs} ms: it was ${this.doing}`;
      this.#controller.abort(new EtcdError("DEADLINE", text));
    };
    this.#unfollow.push(systemClock.setTimer(timeoutMs, timeUp, true));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the call when this aborts, with its reason. */
  follow(signal: AbortSignal): void {
    const onAbort = (): void => this.#controller.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#unfollow.push(() => signal.removeEventListener("abort", onAbort));
  }

  /** What the work comes to, unless the call ends before. The work goes on then, and what becomes of it is not told. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#controller;
    let onAbort = (): void => undefined;
    const ended = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
    try {
      return await Promise.race([ended, work]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Leaves nothing behind on what was followed. */
  end(): void {
    for (const unfollow of this.#unfollow.splice(0)) unfollow();
  }
}
