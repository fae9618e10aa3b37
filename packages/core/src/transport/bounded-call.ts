import { Code, ConnectError } from "@connectrpc/connect";
import type { CancelTimer, Clock } from "@etcdkit/transport";
import { Lifetime } from "../connection/lifetime.js";

/**
 * One call over a transport that may heed neither time nor signal: what it owes is waited for no longer than until the
 * time is up, the caller aborts or the connection closes, whichever comes first.
 */
export class BoundedCall {
  readonly #life: Lifetime;
  readonly #own: AbortSignal | undefined;
  readonly #closing: AbortSignal;
  readonly #cancelTimer: CancelTimer;

  constructor(
    clock: Clock,
    timeoutMs: number | undefined,
    own: AbortSignal | undefined,
    closing: AbortSignal,
  ) {
    this.#own = own;
    this.#closing = closing;
    this.#life = new Lifetime(own, closing);
    this.#cancelTimer =
      timeoutMs === undefined ? () => undefined : clock.setTimer(timeoutMs, () => this.#life.end(), true);
    // A stream that nobody reads to its end is released by its abort.
    this.signal.addEventListener("abort", this.#cancelTimer, { once: true });
    if (this.signal.aborted) this.#cancelTimer();
  }

  /** For the transport; aborts when the call is over early. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  /** Waits for what the transport owes, or rejects as soon as the call is over. */
  race<T>(owed: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(this.#reason());
      this.signal.addEventListener("abort", onAbort, { once: true });
      if (this.signal.aborted) onAbort();
      const settled = (): void => this.signal.removeEventListener("abort", onAbort);
      owed.then(resolve, reject).finally(settled);
    });
  }

  /** The answers of a stream, each waited for no longer than the call lasts. */
  async *messages<T>(answers: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    const iterator = answers[Symbol.asyncIterator]();
    try {
      while (true) {
        const next = await this.race(iterator.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      this.#life.end();
      // Not waited for: a transport that heeds no signal may never come to it.
      iterator.return?.().catch(() => undefined);
    }
  }

  /** Leaves nothing behind; the signal no longer aborts. */
  release(): void {
    this.#cancelTimer();
    this.#life.release();
  }

  // Never the caller's own reason: it may be an error that says something else of another call.
  #reason(): ConnectError {
    if (this.#own?.aborted) return new ConnectError("the call was aborted", Code.Canceled);
    if (this.#closing.aborted) return new ConnectError("the connection was closed", Code.Unavailable);
    return new ConnectError("the call took too long", Code.DeadlineExceeded);
  }
}
