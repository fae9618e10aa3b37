import type {
  DescMessage,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import type { Clock, ConnectionState, EndpointTransport, TransportEvent } from "@etcdkit/transport";
import type { HeaderInput } from "../src/connection/call-headers.js";

/** A call as it reached a member. */
export interface SentCall {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** The request; of a streaming call the requests. */
  readonly request: unknown;
}

/** Answers a call with the fields of its answer, for a stream with an (async) iterable of them; or throws. */
export type Answer = (call: SentCall) => unknown;

/** A link to a member that does what a test says, in memory. */
export class FakeMember implements EndpointTransport {
  readonly calls: SentCall[] = [];
  /** How often the link was dialled. */
  dials = 0;
  closed = false;
  /** Makes the link; rejects for a dial that fails. */
  onDial: (signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  answer: Answer = () => ({});
  readonly #url: string;
  readonly #clock: Clock;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  #state: ConnectionState = "idle";

  constructor(url: string, clock: Clock) {
    this.#url = url;
    this.#clock = clock;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  async connect(signal: AbortSignal): Promise<void> {
    if (this.#state === "ready") return;
    this.dials++;
    this.#enter("connecting");
    try {
      await untilAbort(Promise.resolve(this.onDial(signal)), signal);
      this.#enter("ready");
    } catch (error) {
      this.#enter("failed", error);
      throw error;
    }
  }

  /** The link breaks. */
  drop(reason: unknown = new Error("the link broke")): void {
    this.#enter("idle", reason);
  }

  close(): Promise<void> {
    this.closed = true;
    this.#enter("closed");
    return Promise.resolve();
  }

  subscribe(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: MessageInitShape<I>,
  ): Promise<UnaryResponse<I, O>> {
    const answer = this.#answer(method.name, signal, timeoutMs, header, input);
    const message = (await this.#bounded(answer, signal, timeoutMs)) as MessageInitShape<O>;
    return {
      stream: false,
      service: method.parent,
      method,
      header: new Headers(),
      trailer: new Headers(),
      message: create(method.output, message),
    };
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
  ): Promise<StreamResponse<I, O>> {
    const answer = this.#answer(method.name, signal, timeoutMs, header, input);
    const answers = await this.#bounded(answer, signal, timeoutMs);
    const all = answers as AsyncIterable<MessageInitShape<O>> | Iterable<MessageInitShape<O>>;
    return {
      stream: true,
      service: method.parent,
      method,
      header: new Headers(),
      trailer: new Headers(),
      message: this.#messages(method.output, all, signal, timeoutMs),
    };
  }

  async *#messages<D extends DescMessage>(
    desc: D,
    answers: AsyncIterable<MessageInitShape<D>> | Iterable<MessageInitShape<D>>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
  ): AsyncGenerator<MessageShape<D>, void, undefined> {
    const iterator =
      Symbol.asyncIterator in answers ? answers[Symbol.asyncIterator]() : answers[Symbol.iterator]();
    while (true) {
      const next = await this.#bounded(Promise.resolve(iterator.next()), signal, timeoutMs);
      if (next.done === true) return;
      yield create(desc, next.value);
    }
  }

  async #answer(
    method: string,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    request: unknown,
  ): Promise<unknown> {
    const call = {
      url: this.#url,
      method,
      headers: new Headers(header as Headers | undefined),
      timeoutMs,
      signal,
      request,
    };
    this.calls.push(call);
    return await this.answer(call);
  }

  /** Ends a call by its signal and its time, with the errors of Connect's transports. */
  #bounded<T>(
    answer: Promise<T>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
  ): Promise<T> {
    const over = new AbortController();
    const onAbort = (): void => over.abort(new ConnectError("This operation was aborted", Code.Canceled));
    const cancel =
      timeoutMs === undefined
        ? () => undefined
        : this.#clock.setTimer(
            timeoutMs,
            () => over.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded)),
            false,
          );
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    return untilAbort(answer, over.signal).finally(() => {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    });
  }

  #enter(state: ConnectionState, reason?: unknown): void {
    if (this.#state === "closed" || this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener({ state, reason });
  }
}

/** Waits for a promise, or until the signal aborts; then rejects with its reason. */
export function untilAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Never settles by itself: an answer or a dial that does not come. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}
