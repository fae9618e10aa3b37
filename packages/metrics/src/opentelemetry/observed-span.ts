import { type CallAttempt, type GrpcStatus, isEtcdError } from "@etcdkit/core";
import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { grpcStatusOf } from "../grpc-status-of.js";
import type { CallContext, CallObserver, ObservedCall } from "../observe-calls.js";
import { methodAttributes, serverAttributes, statusAttributes } from "./attributes.js";

/** What spans and measurements go to. */
export interface Instruments {
  readonly tracer: Tracer;
  /** In seconds. */
  readonly duration: Histogram;
  /** Whether calls carry the trace's context to the server. */
  readonly propagate: boolean;
}

/** By what an attempt finds the span of its call. */
const spanKey: { readonly id: symbol; readonly defaultValue: ObservedSpan | undefined } = {
  id: Symbol("etcdkit.span"),
  defaultValue: undefined,
};

/** The span of the call that an attempt belongs to; none for log-ins and calls without the interceptor. */
export function spanOf({ context: values }: CallAttempt): ObservedSpan | undefined {
  return values?.get(spanKey);
}

/** The span of one call, and the measurement of how long it took. */
export class ObservedSpan implements CallObserver {
  readonly context: CallContext;
  readonly #duration: Histogram;
  readonly #span: Span;
  readonly #active: Context;
  readonly #method: Attributes;
  readonly #startedAt = performance.now();
  #server: Attributes = {};

  constructor({ tracer, duration, propagate }: Instruments, call: ObservedCall) {
    this.#duration = duration;
    this.#method = methodAttributes(call.service, call.method);
    const parent = context.active();
    this.#span = tracer.startSpan(
      `${call.service}/${call.method}`,
      // A stream both ways is shared by many and outlives the call that happened to open it.
      { kind: SpanKind.CLIENT, attributes: this.#method, root: call.kind === "bidi_streaming" },
      parent,
    );
    this.#active = trace.setSpan(parent, this.#span);
    if (propagate)
      propagation.inject(this.#active, call.headers, {
        set: (headers, name, value) => headers.set(name, value),
      });
    this.context = withSpan(call.context, this);
  }

  run<Result>(send: () => Result): Result {
    return context.with(this.#active, send);
  }

  sent(): void {}

  received(): void {}

  /** An attempt of the call is over: where it went, and why the call may have to be repeated. */
  attempted({ endpoint, attempt, error }: CallAttempt): void {
    this.#server = serverAttributes(endpoint);
    if (error === undefined) return;
    this.#span.addEvent("etcdkit.attempt.failed", {
      "etcdkit.attempt": attempt,
      "error.type": grpcStatusOf(error),
      "etcdkit.error.code": error.code,
      ...this.#server,
    });
  }

  ended(status: GrpcStatus, error: unknown): void {
    const outcome = { ...this.#server, ...statusAttributes(status) };
    this.#span.setAttributes(outcome);
    if (status !== "OK") {
      // Of other errors, such as the reason of an abort, nobody knows what they tell.
      const message = isEtcdError(error) ? { message: error.message } : {};
      this.#span.setStatus({ code: SpanStatusCode.ERROR, ...message });
    }
    this.#span.end();
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    this.#duration.record(seconds, { ...this.#method, ...outcome }, this.#active);
  }
}

/** The call's context values and the span. The call's own are not written to: several calls may share them. */
function withSpan(values: CallContext, span: ObservedSpan): CallContext {
  const own: CallContext = {
    get: (key) => (key.id === spanKey.id ? (span as never) : values.get(key)),
    set: (key, value) => {
      values.set(key, value);
      return own;
    },
    delete: (key) => {
      values.delete(key);
      return own;
    },
  };
  return own;
}
