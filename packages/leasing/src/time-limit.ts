import { type CallOptions, type Clock, EtcdError, isEtcdError, type Outcome } from "@etcdkit/core";
import { CallLimits, noteOutcome } from "@etcdkit/core/spi";

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
  step(): CallOptions | undefined {
    const options = this.#options;
    if (options?.timeoutMs === undefined) return options;
    return { ...options, timeoutMs: Math.max(this.#leftMs(), 1) };
  }

  /** Refuses to begin another step when the caller, the clock or the end of everything says so. */
  check(what: string): void {
    const { life } = this.#purpose;
    if (this.#options?.signal?.aborted || life.aborted || this.#leftMs() <= 0) throw this.#end(what);
  }

  /**
   * Waits for something that goes on without us.
   *
   * @param what - In words that go on after "waiting for".
   * @param cause - Asked, when time is up, for why it took so long.
   */
  async wait<T>(awaited: Promise<T>, what: string, cause?: () => unknown): Promise<T> {
    const { clock, life } = this.#purpose;
    const timeoutMs = Math.max(this.#leftMs(), 0);
    const limits = new CallLimits(what, { signal: this.#options?.signal, timeoutMs }, clock);
    limits.follow(life);
    try {
      return await limits.race(awaited);
    } catch (error) {
      throw limits.signal.aborted && error === limits.signal.reason ? this.#end(what, cause) : error;
    } finally {
      limits.end();
    }
  }

  /**
   * Does a step that comes before the write. The write was not sent, whatever has become of the step; so the step does not
   * hear of the caller's reason, which would tell of the step's outcome.
   */
  async before<T>(step: (call: CallOptions) => Promise<T>, what: string): Promise<T> {
    this.check(what);
    const over = new AbortController();
    try {
      return await this.wait(step({ ...this.step(), signal: over.signal }), what);
    } catch (error) {
      throw withOutcome(error, "not-applied");
    } finally {
      over.abort();
    }
  }

  #leftMs(): number {
    return this.#deadline - this.#purpose.clock.now();
  }

  /** What a call rejects with that was ended while it waited. */
  #end(what: string, cause?: () => unknown): unknown {
    const { life, outcome } = this.#purpose;
    const { signal } = this.#options ?? {};
    if (signal?.aborted) {
      if (outcome !== undefined) noteOutcome(signal.reason, outcome);
      return signal.reason;
    }
    if (life.aborted) return closed(life, outcome);
    return new EtcdError("DEADLINE", `time was up while waiting for ${what}`, { outcome, cause: cause?.() });
  }
}

/** Of a call on something that was closed. */
export function closed(life: AbortSignal, outcome?: Outcome): EtcdError {
  return new EtcdError("CLOSED", "the leasing client is closed", { outcome, cause: life.reason });
}

/** The error with what is known of the write, where the step that failed knew something else. */
export function withOutcome(error: unknown, outcome: Outcome): unknown {
  if (!isEtcdError(error)) noteOutcome(error, outcome);
  if (!isEtcdError(error) || error.outcome === outcome) return error;
  const { code, message, endpoint, grpcCode } = error;
  return new EtcdError(code, message, { outcome, endpoint, grpcCode, cause: error });
}
