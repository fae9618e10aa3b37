import type { CallAttempt, ConnectOptions, GrpcStatus } from "@etcdkit/core";
import { grpcStatusOf } from "./grpc-status-of.js";

/** An interceptor of `connect`, by the type that its options give it. */
export type CallInterceptor = NonNullable<ConnectOptions["interceptors"]>[number];

/** What interceptors know a call's options by. */
export type CallContext = NonNullable<CallAttempt["context"]>;

/** A call as it begins. */
export interface ObservedCall {
  /** Full name of the service, for example `etcdserverpb.KV`. */
  readonly service: string;
  /** Name of the method, for example `Range`. */
  readonly method: string;
  /** Which side sends more than one message. */
  readonly kind: CallAttempt["methodKind"];
  /** The call's own headers, to which others may be added. */
  readonly headers: Headers;
  /** The call's context values. */
  readonly context: CallContext;
}

/** Is told what becomes of one call. */
export interface CallObserver {
  /** Replaces the context values that the call is passed on with. */
  readonly context?: CallContext | undefined;
  /** Passes the call on; must return what `send` returns. */
  run?<Result>(send: () => Result): Result;
  /** A request message is handed on. */
  sent(): void;
  /** An answer has arrived. */
  received(): void;
  /** The call is over; told once. `error` is what it rejected with. A stream that its reader leaves ends as `CANCELLED`. */
  ended(status: GrpcStatus, error: unknown): void;
}

type Request = Parameters<ReturnType<CallInterceptor>>[0];

/**
 * An interceptor that tells of every call: once, however often it is repeated underneath. What metrics and traces of this
 * package are made of, and for others of one's own.
 *
 * @param observe - Called as a call begins. Neither it nor the observer should throw: the call would fail for it.
 */
export function observeCalls(observe: (call: ObservedCall) => CallObserver): CallInterceptor {
  return (next) => async (request) => {
    const { service, method, header, contextValues, signal } = request;
    const observer = observe({
      service: service.typeName,
      method: method.name,
      kind: method.methodKind,
      headers: header,
      context: contextValues,
    });
    const ending = new Ending(observer, signal);
    if (request.stream) ending.followSignal();
    const passed = { ...request, contextValues: observer.context ?? contextValues };
    const send = (sent: Request): ReturnType<typeof next> =>
      observer.run === undefined ? next(sent) : observer.run(() => next(sent));
    try {
      if (!passed.stream) {
        observer.sent();
        const answer = await send(passed);
        observer.received();
        ending.end("OK", undefined);
        return answer;
      }
      const answer = await send({ ...passed, message: counted(passed.message, observer) });
      if (!answer.stream) return answer;
      return { ...answer, message: new ObservedAnswers(answer.message, observer, ending) };
    } catch (error) {
      ending.failed(error);
      throw error;
    }
  };
}

/** The end of a call, which comes once: by its answer, by a failure, by the reader who leaves or by the signal. */
class Ending {
  readonly #observer: CallObserver;
  readonly #signal: AbortSignal;
  // Not at once: what goes on underneath hears of the abort as well, and its end comes before this one.
  readonly #onAbort = (): void => queueMicrotask(() => this.failed(this.#signal.reason));
  #ended = false;

  constructor(observer: CallObserver, signal: AbortSignal) {
    this.#observer = observer;
    this.#signal = signal;
  }

  /** For streams: one that nobody reads when its signal aborts would never end otherwise. */
  followSignal(): void {
    this.#signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  failed(error: unknown): void {
    this.end(grpcStatusOf(error, this.#signal), error);
  }

  end(status: GrpcStatus, error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#observer.ended(status, error);
  }
}

async function* counted<T>(
  messages: AsyncIterable<T>,
  observer: CallObserver,
): AsyncGenerator<T, void, undefined> {
  for await (const message of messages) {
    observer.sent();
    yield message;
  }
}

/**
 * The answers of a stream on their way to the reader. Not a generator: the reader's `return` must reach the stream at once
 * and not wait for a `next` that is under way.
 */
class ObservedAnswers<T> implements AsyncIterableIterator<T> {
  readonly #answers: AsyncIterator<T>;
  readonly #observer: CallObserver;
  readonly #ending: Ending;

  constructor(answers: AsyncIterable<T>, observer: CallObserver, ending: Ending) {
    this.#answers = answers[Symbol.asyncIterator]();
    this.#observer = observer;
    this.#ending = ending;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T>> {
    try {
      const result = await this.#answers.next();
      if (result.done === true) this.#ending.end("OK", undefined);
      else this.#observer.received();
      return result;
    } catch (error) {
      this.#ending.failed(error);
      throw error;
    }
  }

  async return(value?: unknown): Promise<IteratorResult<T>> {
    const left = this.#answers.return?.(value);
    this.#ending.end("CANCELLED", undefined);
    return (await left) ?? { done: true, value: undefined };
  }
}
