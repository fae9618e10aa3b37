import { type CallOptions, type CancelTimer, type Clock, EtcdError } from "@etcdkit/core";

const defaultTimeoutMs = 10_000;
const firstPauseMs = 100;
const longestPauseMs = 1_000;

/**
 * A request for progress that waits for its answer. The server drops a request that comes while a watch of the stream is
 * behind, so it is repeated until there is an answer.
 */
export class ProgressWait {
  readonly answer: Promise<bigint>;
  readonly #clock: Clock;
  readonly #ask: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #cancelTimeout: CancelTimer;
  readonly #onAbort = (): void => this.fail(this.#signal?.reason);
  #cancelRepeat: CancelTimer = () => undefined;
  #resolve: (revision: bigint) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;

  /** @param ask - Sends a request, if it can be sent at the moment. */
  constructor(clock: Clock, ask: () => void, { signal, timeoutMs = defaultTimeoutMs }: CallOptions) {
    this.#clock = clock;
    this.#ask = ask;
    this.#signal = signal;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const timeUp = (): void =>
      this.fail(new EtcdError("DEADLINE", `the server did not tell of progress within ${timeoutMs} ms`));
    this.#cancelTimeout = clock.setTimer(timeoutMs, timeUp, true);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#request(firstPauseMs);
  }

  succeed(revision: bigint): void {
    this.#release();
    this.#resolve(revision);
  }

  fail(reason: unknown): void {
    this.#release();
    this.#reject(reason);
  }

  #request(pauseMs: number): void {
    this.#ask();
    const repeat = (): void => this.#request(Math.min(pauseMs * 2, longestPauseMs));
    this.#cancelRepeat = this.#clock.setTimer(pauseMs, repeat, false);
  }

  #release(): void {
    this.#cancelTimeout();
    this.#cancelRepeat();
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
