import { type CallOptions, type Clock, EtcdError, noteOutcome, type Outcome } from "@etcdkit/core";

/** What a {@link TimeLimit} is made for. */
export interface Purpose {
  readonly clock: Clock;
  /** Aborts, with an `EtcdError`, when the whole `LeasingKv` is closed. */
  readonly life: AbortSignal;
  /** In milliseconds, for waits of a call that sets no time limit itself. */
  readonly defaultMs: number;
  /** For writes: what is known of the write while it waits. */
  readonly outcome?: Outcome | undefined;
}

/** The time and the patience that a call of several steps has. */
export class TimeLimit {
  readonly #purpose: Purpose;
  readonly #options: CallOptions | undefined;
  readonly #deadline: number;

  constructor(purpose: Purpose, options: CallOptions | undefined) {
    this.#purpose = purpose;
    this.#options = options;
    this.#deadline = purpose.clock.now() + (options?.timeoutMs ?? purpose.defaultMs);
  }

  /** The options of a step. Those of the caller, but that all steps together have the time that one call was given. */
  step(own: Pick<CallOptions, "idempotent">): CallOptions {
    const { signal, timeoutMs, requireLeader, headers } = this.#options ?? {};
    const leftMs = timeoutMs === undefined ? undefined : Math.max(this.#leftMs(), 1);
    return { signal, timeoutMs: leftMs, requireLeader, headers, ...own };
  }

  /** Refuses to begin another step when the caller, the clock or the end of everything says so. */
  check(what: string): void {
    const { life, outcome } = this.#purpose;
    if (this.#options?.signal?.aborted) throw this.#aborted();
    if (life.aborted) throw closed(life, outcome);
    if (this.#leftMs() <= 0) throw this.#timeUp(what, undefined);
  }

  /**
   * Waits for something that goes on without us.
   *
   * @param what - In words that go on after "waiting for".
   * @param cause - Asked, when time is up, for why it took so long.
   */
  async wait<T>(awaited: Promise<T>, what: string, cause?: () => unknown): Promise<T> {
    this.check(what);
    const { clock, life, outcome } = this.#purpose;
    const signal = this.#options?.signal;
    return await new Promise<T>((resolve, reject) => {
      const onAbort = (): void => settle(() => reject(this.#aborted()));
      const onEnd = (): void => settle(() => reject(closed(life, outcome)));
      const cancel = clock.setTimer(
        this.#leftMs(),
        () => settle(() => reject(this.#timeUp(what, cause?.()))),
        true,
      );
      const settle = (how: () => void): void => {
        cancel();
        signal?.removeEventListener("abort", onAbort);
        life.removeEventListener("abort", onEnd);
        how();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      life.addEventListener("abort", onEnd, { once: true });
      awaited.then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  #leftMs(): number {
    return this.#deadline - this.#purpose.clock.now();
  }

  #aborted(): unknown {
    const reason: unknown = this.#options?.signal?.reason;
    if (this.#purpose.outcome !== undefined) noteOutcome(reason, this.#purpose.outcome);
    return reason;
  }

  #timeUp(what: string, cause: unknown): EtcdError {
    const { outcome } = this.#purpose;
    return new EtcdError("DEADLINE", `time was up while waiting for ${what}`, { outcome, cause });
  }
}

/** Of a call on something that was closed. */
export function closed(life: AbortSignal, outcome?: Outcome): EtcdError {
  return new EtcdError("CLOSED", "the leasing client is closed", { outcome, cause: life.reason });
}
