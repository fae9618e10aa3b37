import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock } from "@etcdkit/core";
import { CallLimits } from "@etcdkit/core/spi";
import type { EndpointLink } from "./endpoint-link.js";

/** One call on its way to an endpoint: how long it may take, and which endpoints could not be reached for it. */
export class BalancedCall {
  readonly tried: Set<EndpointLink> = new Set();
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  /** By the clock; `Infinity` for none. */
  readonly #deadline: number;
  #lastFailure: unknown;

  constructor(signal: AbortSignal | undefined, timeoutMs: number | undefined, clock: Clock) {
    this.#signal = signal;
    this.#clock = clock;
    // Connect's way to ask for no deadline is one that is not positive.
    this.#deadline =
      timeoutMs !== undefined && timeoutMs > 0 ? clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
  }

  /** What is left of the call's time, in whole milliseconds, as headers tell it; `undefined` for a call without deadline. */
  leftMs(): number | undefined {
    if (this.#deadline === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(1, Math.ceil(this.#deadline - this.#clock.now()));
  }

  /** Waits, but no longer than the caller does, the call may take, or `timeoutMs`: then `late` makes the error. */
  async until<T>(
    work: Promise<T>,
    timeoutMs: number = Number.POSITIVE_INFINITY,
    late?: () => Error,
  ): Promise<T> {
    const leftMs = this.#deadline - this.#clock.now();
    const limits = new CallLimits(
      "the call",
      { signal: this.#signal, timeoutMs: Math.min(leftMs, timeoutMs) },
      this.#clock,
    );
    try {
      return await limits.race(work);
    } catch (error) {
      const timeUp = limits.told(error) !== error;
      if (!timeUp) throw error;
      if (leftMs > timeoutMs && late !== undefined) throw late();
      throw this.#late(late?.() ?? this.#lastFailure);
    } finally {
      limits.end();
    }
  }

  /** An endpoint could not be reached. */
  missed(link: EndpointLink, error: unknown): void {
    link.failed();
    this.tried.add(link);
    this.#lastFailure = error;
  }

  /** Throws what ended the call, if that was not the endpoint. */
  throwIfOver(error: unknown): void {
    this.#signal?.throwIfAborted();
    if (this.#deadline > this.#clock.now()) return;
    const isLate = error instanceof ConnectError && error.code === Code.DeadlineExceeded;
    throw isLate ? error : this.#late(error);
  }

  /** The error of a call for which no endpoint is left. */
  unreachable(target: string): ConnectError {
    const text = `no endpoint of "${target}" can be reached`;
    return new ConnectError(text, Code.Unavailable, undefined, undefined, this.#lastFailure);
  }

  /** The time of the call was up on this side, while it waited for an endpoint. */
  #late(cause: unknown): ConnectError {
    const text = "no endpoint could be reached in the time of the call";
    return new ConnectError(text, Code.DeadlineExceeded, undefined, undefined, cause);
  }
}
