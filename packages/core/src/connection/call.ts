import type { DescMethod } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import { type Clock, dispositionOf } from "@etcdkit/transport";
import { noteDelay } from "../errors/abort-delay.js";
import { EtcdError, isEtcdError } from "../errors/etcd-error.js";
import { noteOutcome, type Outcome } from "../errors/outcome.js";
import type { Wait } from "./balancer.js";
import { idempotentKey, requireLeaderKey } from "./context.js";
import { Lifetime } from "./lifetime.js";
import type { Delay } from "./prerequisite.js";
import { isRead } from "./retry.js";
import { sleep } from "./sleep.js";
import { triedEndpointsKey } from "./tried-endpoints.js";

// The header grpc-timeout has room for eight digits (gRPC over HTTP/2, "Timeout"): a good day of milliseconds.
const longestTimeoutMs = 99_999_999;

// Tries with a token that was out of date, each with another token.
const maxOldRevisions = 20;
// How often a fresh token is offered again to members that may lag behind the one that gave it.
const maxOffers = 5;

/**
 * One call of the user's on its way, with all that its attempts share: time, abort, and what is known of a write. It
 * makes every error that the user sees.
 */
export class Call implements Wait {
  readonly method: string;
  /** Whether the call may change something on the server; only then its errors have an outcome. */
  readonly writes: boolean;
  /** Whether it may be sent again when it is not known whether it was applied. */
  readonly repeatable: boolean;
  readonly requireLeader: boolean;
  /** Endpoints that others come before. */
  readonly tried: Set<string> | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly deadline: number;
  /** Attempts that failed. */
  attempts = 0;
  /** Whether the token was fetched for this call; if it was, a refusal is not for its age. */
  loggedIn = false;
  /** The endpoint of the last attempt. */
  at: string | undefined;
  /** What the call waits for at this moment, unless it is an answer. */
  awaited: { readonly delay: Delay } | undefined;
  readonly #clock: Clock;
  readonly #closed: () => EtcdError | undefined;
  readonly #closing: AbortSignal;
  #ambiguous = false;
  #last: EtcdError | undefined;
  #oldRevisions = 0;
  #offers = 0;
  #renewed = false;

  constructor(
    method: Pick<DescMethod, "name" | "idempotency">,
    request: {
      readonly signal?: AbortSignal | undefined;
      readonly timeoutMs: number;
      readonly context?: ContextValues | undefined;
    },
    connection: {
      readonly clock: Clock;
      readonly closed: () => EtcdError | undefined;
      /** Aborts when the connection closes. */
      readonly closing: AbortSignal;
    },
  ) {
    this.method = method.name;
    this.writes = !isRead(method);
    this.repeatable = !this.writes || (request.context?.get(idempotentKey) ?? false);
    this.requireLeader = request.context?.get(requireLeaderKey) ?? false;
    this.tried = request.context?.get(triedEndpointsKey);
    this.signal = request.signal;
    this.timeoutMs = request.timeoutMs;
    this.deadline = connection.clock.now() + request.timeoutMs;
    this.#clock = connection.clock;
    this.#closed = connection.closed;
    this.#closing = connection.closing;
  }

  /** An attempt goes to an endpoint. Where that was tried before, all were, and the search begins anew with it. */
  goesTo(endpoint: string): void {
    this.at = endpoint;
    if (this.tried?.has(endpoint)) this.tried.clear();
    this.tried?.add(endpoint);
  }

  /** The time on the connection's clock, in milliseconds. */
  get now(): number {
    return this.#clock.now();
  }

  /** Whole milliseconds left, at least 1; `undefined` when the call has no deadline that a header could carry. */
  get leftMs(): number | undefined {
    const left = this.deadline - this.#clock.now();
    return left > longestTimeoutMs ? undefined : Math.max(Math.ceil(left), 1);
  }

  /**
   * The life of one attempt whose deadline is too far off for {@link leftMs}, so that no transport would keep it: its
   * signal aborts then. `undefined` for every other attempt.
   */
  farLife(): Lifetime | undefined {
    if (this.deadline === Number.POSITIVE_INFINITY || this.leftMs !== undefined) return undefined;
    if (this.signal?.aborted) return undefined;
    const life = new Lifetime(this.signal);
    const cancelTimer = this.#clock.setTimer(this.deadline - this.#clock.now(), () => life.end(), false);
    life.signal.addEventListener("abort", cancelTimer, { once: true });
    return life;
  }

  /** Remembers a failure. A write that may have been applied stays so, whatever later attempts learn. */
  failed(error: EtcdError): void {
    // What fails because of the abort says nothing of why it took so long.
    if (!this.signal?.aborted) this.#last = error;
    if (error.outcome === "unknown") this.#ambiguous = true;
  }

  /** Remembers why the call cannot be sent yet. That is no attempt, so it leaves open nothing about a write. */
  hindered(error: EtcdError): void {
    this.#last = error;
  }

  /** Why the call takes so long, at this moment. */
  get delay(): Delay {
    const { at } = this;
    const answer = { what: at === undefined ? "an answer" : `an answer from ${at}`, endpoint: at };
    const { what, endpoint, cause = this.#last }: Delay = this.awaited?.delay ?? answer;
    return { what, endpoint: endpoint ?? cause?.endpoint, cause };
  }

  /**
   * Counts a refusal of the call's token, and tells what comes before the next try; `undefined`: there is none.
   *
   * A token can be out of date again at once while users and roles change, so that is tried often. One that is not taken at
   * all is replaced once. When the new one is refused, the member that was asked may only not have heard of it yet: it is
   * offered a few times more, and never replaced again, since a third would fare no better.
   */
  afterRefusal(
    error: EtcdError,
    advice: "renew" | "again" | "offer-again",
  ): { readonly renew: boolean; readonly pauses: number } | undefined {
    if (error.code === "AUTH_OLD_REVISION") {
      return this.#oldRevisions < maxOldRevisions
        ? { renew: advice === "renew", pauses: this.#oldRevisions++ }
        : undefined;
    }
    if (advice === "again") this.#renewed = true;
    const settling = advice === "offer-again" && this.#offers < maxOffers;
    if (!(this.#renewed || settling)) {
      this.#renewed = true;
      this.#offers = 0;
      return { renew: true, pauses: 0 };
    }
    return this.#offers >= maxOffers ? undefined : { renew: false, pauses: this.#offers++ };
  }

  /** Throws when the call must not go on: aborted, connection closed, out of time. */
  throwIfOver(): void {
    const over = this.#over;
    if (over !== undefined) throw over;
  }

  /** What the call rejects with since it must not go on; `undefined` while it may. */
  get #over(): unknown {
    if (this.signal?.aborted) return this.#aborted();
    const closed = this.#closed();
    if (closed !== undefined) return this.rejection(closed);
    return this.#clock.now() >= this.deadline ? this.#timeUp() : undefined;
  }

  /** Pauses, no longer than the call may take. */
  async pause(pauseMs: number): Promise<void> {
    const life = new Lifetime(this.signal, this.#closing);
    const left = Math.max(this.deadline - this.#clock.now(), 0);
    // What ended the pause early is found out below.
    await sleep(this.#clock, Math.min(pauseMs, left), life.signal).catch(() => undefined);
    life.release();
    this.throwIfOver();
  }

  /** Waits for something that calls share, no longer than this call may take or the connection is open. */
  until(shared: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void): void => {
        cancelTimer();
        for (const signal of ends) signal.removeEventListener("abort", onEnd);
        finish();
      };
      const ends = [this.#closing, ...(this.signal === undefined ? [] : [this.signal])];
      const onEnd = (): void => settle(() => reject(this.#over));
      const onTime = (): void => settle(() => reject(this.#timeUp()));
      const cancelTimer = this.#clock.setTimer(this.deadline - this.#clock.now(), onTime, true);
      for (const signal of ends) signal.addEventListener("abort", onEnd, { once: true });
      if (ends.some((signal) => signal.aborted)) onEnd();
      shared.then(
        () => settle(resolve),
        (error: unknown) => settle(() => reject(this.rejection(error))),
      );
    });
  }

  /** What the call rejects with because of `error`: with what is known of the write after all attempts. */
  rejection(error: unknown): unknown {
    if (this.signal?.aborted && error === this.signal.reason) return this.#aborted();
    if (!isEtcdError(error)) return error;
    const outcome = this.#outcome;
    if (error.outcome === outcome) return error;
    return new EtcdError(error.code, error.message, {
      outcome,
      endpoint: error.endpoint,
      grpcCode: error.grpcCode,
      cause: error.cause ?? this.#last,
    });
  }

  get #outcome(): Outcome | undefined {
    if (!this.writes) return undefined;
    return this.#ambiguous ? "unknown" : "not-applied";
  }

  #aborted(): unknown {
    const outcome = this.#outcome;
    const reason: unknown = this.signal?.reason;
    if (outcome !== undefined) noteOutcome(reason, outcome);
    if (isEtcdError(reason, "DEADLINE")) noteDelay(reason, this.delay);
    return reason;
  }

  #timeUp(): EtcdError {
    const { what, endpoint, cause } = this.delay;
    const { method, timeoutMs } = this;
    // That an answer took too long is said already; that the request was never sent is not.
    const isSaid = cause?.code === "DEADLINE" && !this.awaited && dispositionOf(cause.cause) === "unknown";
    const why = cause === undefined || isSaid ? "" : `: ${cause.message}`;
    const text = this.awaited
      ? `${method} did not finish within ${timeoutMs} ms, waiting for ${what}`
      : `${method}${endpoint === undefined ? "" : ` at ${endpoint}`} did not finish within ${timeoutMs} ms`;
    return new EtcdError("DEADLINE", `${text}${why}`, { outcome: this.#outcome, endpoint, cause });
  }
}
