import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { ContextValues, StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import { dispositionOf } from "@etcdkit/transport";
import { reportAttempt } from "../diagnostics/report-attempt.js";
import { type EtcdError, isEtcdError } from "../errors/etcd-error.js";
import { fromTransport } from "../errors/from-transport.js";
import { type BackOff, pauseMs } from "./back-off.js";
import type { Balancer } from "./balancer.js";
import { Call } from "./call.js";
import type { CallHeaders, HeaderInput } from "./call-headers.js";
import type { ResolvedOptions } from "./connect-options.js";
import { avoidEndpointKey } from "./context.js";
import { Lifetime } from "./lifetime.js";
import type { Prerequisite } from "./prerequisite.js";
import { RepeatableStream } from "./repeatable-stream.js";
import { mayRepeat } from "./retry.js";
import type { Subchannel } from "./subchannel.js";
import type { Tokens } from "./tokens.js";

// While users and roles change, tries that come soon succeed: twenty of them fit into the time of a call.
const longestRefusalPauseMs = 200;

// `ready` waits like a read but is none of etcd's methods.
const readiness = { name: "ready", idempotency: MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS } as const;

/** What calls need besides endpoints. */
export interface CallerSetup {
  readonly options: ResolvedOptions;
  readonly balancer: Balancer;
  readonly headers: CallHeaders;
  /** `undefined` for the log-in itself, which carries no token and must not wait for one. */
  readonly tokens: Tokens | undefined;
  /** What else calls must wait for before they go out, for instance the check of the cluster's version. */
  readonly admission?: Prerequisite | undefined;
  /** Told of each call as it begins. */
  readonly onCall?: ((call: Call) => void) | undefined;
  /** The error of a closed connection; `undefined` while it is open. */
  readonly closed: () => EtcdError | undefined;
  /** Aborts when the connection closes. */
  readonly closing: AbortSignal;
}

/** What every attempt of a unary call sends. */
interface UnaryRequest<I extends DescMessage, O extends DescMessage> {
  readonly method: DescMethodUnary<I, O>;
  readonly header: HeaderInput | undefined;
  readonly input: MessageInitShape<I>;
  readonly context: ContextValues | undefined;
}

/**
 * Sends calls to the endpoints of a balancer: waits for a ready one, adds token and metadata, keeps the deadline, repeats
 * where the retry rule allows it. Rejects with `EtcdError`, or with the reason of the caller's signal.
 */
export class Caller implements Transport {
  readonly #setup: CallerSetup;
  readonly #backOff: BackOff;

  constructor(setup: CallerSetup) {
    this.#setup = setup;
    const { waitMs, jitter } = setup.options.retry;
    this.#backOff = { baseMs: waitMs, capMs: 5_000, jitter };
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: MessageInitShape<I>,
    context?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    // The way of most calls: chained promises, not async functions, which are several times as dear.
    try {
      const call = this.#call(method, {
        signal,
        timeoutMs: lifetime(timeoutMs, this.#setup.options.callTimeoutMs),
        context,
      });
      const request: UnaryRequest<I, O> = { method, header, input, context };
      const target = this.#pick(call, undefined);
      return target === undefined ? this.#sendLater(call, request) : this.#send(call, request, target);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a call to `target` now, and on to others after failures that allow it. */
  #send<I extends DescMessage, O extends DescMessage>(
    call: Call,
    request: UnaryRequest<I, O>,
    target: Subchannel,
  ): Promise<UnaryResponse<I, O>> {
    const { headers, tokens } = this.#setup;
    const { method, input, context } = request;
    const token = tokens?.current;
    const sent = headers.for(token, call.requireLeader, request.header);
    call.goesTo(target.endpoint.url);
    const life = call.farLife();
    const until = life?.signal ?? call.signal;
    const report = reportAttempt(call, method, context);
    const ended = (failure?: unknown): void => {
      report?.(failure);
      life?.end();
      // No longer a call at that endpoint: one that left the list may close.
      target.end();
    };
    target.begin();
    return target.transport.unary(method, until, call.leftMs, sent, input, context).then(
      (answer) => {
        ended();
        return answer;
      },
      async (reason: unknown) => {
        ended(reason);
        await this.#afterFailure(call, reason, target, token);
        return await this.#sendLater(call, request, target);
      },
    );
  }

  /** Sends a call as soon as an endpoint is there to take it, preferably another than that of `previous`. */
  async #sendLater<I extends DescMessage, O extends DescMessage>(
    call: Call,
    request: UnaryRequest<I, O>,
    previous?: Subchannel,
  ): Promise<UnaryResponse<I, O>> {
    const target = this.#pick(call, previous) ?? (await this.#waitToSend(call, previous));
    return await this.#send(call, request, target);
  }

  /** Waits for all that a call would wait for, and sends nothing. */
  async ready(signal: AbortSignal | undefined, timeoutMs: number | undefined): Promise<void> {
    const call = this.#call(readiness, { signal, timeoutMs: timeoutMs ?? this.#setup.options.callTimeoutMs });
    if (this.#pick(call, undefined) === undefined) await this.#waitToSend(call, undefined);
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
    context?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    const { balancer, headers, tokens } = this.#setup;
    const avoid = context?.get(avoidEndpointKey);
    const life = new Lifetime(signal);
    const call = this.#call(method, {
      signal: life.signal,
      timeoutMs: lifetime(timeoutMs, Number.POSITIVE_INFINITY),
      context,
    });
    const stream = new RepeatableStream(method, call, life, input, {
      acquire: async (failed) => {
        const previous = failed ?? balancer.subchannels.find(({ endpoint }) => endpoint.url === avoid);
        const target = this.#pick(call, previous) ?? (await this.#waitToSend(call, previous));
        call.goesTo(target.endpoint.url);
        const token = tokens?.current;
        return { target, token, headers: headers.for(token, call.requireLeader, header) };
      },
      afterFailure: (reason, target, token) => this.#afterFailure(call, reason, target, token),
      refresh: async (error) => {
        if (tokens?.mayBeStale(error) !== true || call.loggedIn) return false;
        await this.#logIn(call, tokens);
        return true;
      },
      refused: (error, token) => tokens?.expire(error, token),
    });
    return await stream.open(context);
  }

  #call(method: ConstructorParameters<typeof Call>[0], request: ConstructorParameters<typeof Call>[1]): Call {
    const { options, closed, closing, onCall } = this.#setup;
    const call = new Call(method, request, { clock: options.clock, closed, closing });
    onCall?.(call);
    return call;
  }

  /** The common case: an endpoint is ready and the token is there, so the call goes out without waiting for anything. */
  #pick(call: Call, previous: Subchannel | undefined): Subchannel | undefined {
    const { admission, balancer, tokens } = this.#setup;
    call.throwIfOver();
    if (tokens?.ready === false || admission?.ready === false) return undefined;
    return balancer.pick(previous, call.tried);
  }

  async #waitToSend(call: Call, previous: Subchannel | undefined): Promise<Subchannel> {
    const { admission, balancer, tokens } = this.#setup;
    while (true) {
      call.throwIfOver();
      if (admission?.ready === false) await this.#obtain(call, admission);
      if (tokens?.ready === false) await this.#logIn(call, tokens);
      const target = balancer.pick(previous, call.tried);
      if (target !== undefined) return target;
      call.awaited = balancer;
      try {
        await balancer.ready(call);
      } catch (error) {
        throw call.rejection(error);
      } finally {
        call.awaited = undefined;
      }
    }
  }

  async #logIn(call: Call, tokens: Tokens): Promise<void> {
    await this.#obtain(call, tokens);
    call.loggedIn = true;
  }

  /** Waits for what must come first. What failed for want of a member is tried again while the call has time. */
  async #obtain(call: Call, prerequisite: Prerequisite): Promise<void> {
    call.awaited = prerequisite;
    try {
      for (let failures = 1; ; failures++) {
        try {
          return await call.until(prerequisite.fetch());
        } catch (error) {
          call.throwIfOver();
          if (!(isEtcdError(error, "UNAVAILABLE") || isEtcdError(error, "DEADLINE"))) throw error;
          call.hindered(error);
          await call.pause(pauseMs(this.#backOff, failures));
        }
      }
    } finally {
      call.awaited = undefined;
    }
  }

  /** Returns when the call is to be sent again; throws what it rejects with otherwise. */
  async #afterFailure(
    call: Call,
    reason: unknown,
    target: Subchannel,
    token: string | undefined,
  ): Promise<void> {
    const { balancer, options, tokens } = this.#setup;
    const disposition = dispositionOf(reason);
    const endpoint = target.endpoint.url;
    const error = fromTransport(reason, { method: call.method, endpoint, writes: call.writes });
    call.attempts++;
    call.failed(error);
    call.throwIfOver();
    const { method, attempts: attempt } = call;
    options.logger.debug("attempt failed", {
      method,
      endpoint,
      attempt,
      code: error.code,
      message: error.message,
    });
    const foreign = error.code === "PROTOCOL" && error.grpcCode === undefined;
    if (foreign) target.reject(error);
    const refusal = tokens?.afterRefusal(error, token) ?? "final";
    const next = refusal === "final" ? undefined : call.afterRefusal(error, refusal);
    if (tokens !== undefined && next !== undefined) {
      const backOff = { ...this.#backOff, capMs: longestRefusalPauseMs };
      if (next.pauses > 0) await call.pause(pauseMs(backOff, next.pauses));
      return next.renew ? await this.#logIn(call, tokens) : undefined;
    }
    const endpoints = new Set(balancer.subchannels.map((subchannel) => subchannel.endpoint.url)).size;
    const again = mayRepeat(error, disposition, call, endpoints);
    if (!again || call.attempts >= options.retry.maxAttempts) throw call.rejection(error);
    // The endpoint is out of the choice for a while: the next one is asked at once, or it is known that none is left.
    if (foreign) return;
    // A round over a quorum of members goes through without a pause.
    const quorum = Math.floor(endpoints / 2) + 1;
    if (call.attempts % quorum === 0) await call.pause(pauseMs(this.#backOff, call.attempts / quorum));
  }
}

/** Connect's way to ask for no deadline is one that is not positive. */
function lifetime(timeoutMs: number | undefined, byDefault: number): number {
  if (timeoutMs === undefined) return byDefault;
  return timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY;
}
