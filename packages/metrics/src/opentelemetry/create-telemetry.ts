import { diagnostics } from "@etcdkit/core";
import { checkFlag, checkOptions, optionTable } from "@etcdkit/core/spi";
import { type Meter, type MeterProvider, metrics, type TracerProvider, trace } from "@opentelemetry/api";
import { openClientState } from "../client-state.js";
import { grpcStatusOf } from "../grpc-status-of.js";
import { type CallInterceptor, observeCalls } from "../observe-calls.js";
import { methodAttributes, serverAttributes, statusAttributes } from "./attributes.js";
import { type Instruments, ObservedSpan, spanOf } from "./observed-span.js";

/** Where spans and measurements go. */
export interface TelemetryOptions {
  /** Default: the global one of `@opentelemetry/api`. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Default: the global one of `@opentelemetry/api`. */
  readonly meterProvider?: MeterProvider | undefined;
  /**
   * Whether calls carry the context of their trace to etcd, in the headers of the global propagator (`traceparent`): etcd
   * continues the trace if it is started with distributed tracing. Default `true`.
   */
  readonly propagate?: boolean | undefined;
}

/** Telemetry that is being given. */
export interface Telemetry extends Disposable {
  /** Traces and measures the calls of the connections that have it among their `interceptors`. */
  readonly interceptor: CallInterceptor;
  /** Ends it: later calls go unseen. Spans that are open end with their calls. Idempotent. */
  close(): void;
}

const table = optionTable("createTelemetry", {
  tracerProvider: provider("getTracer"),
  meterProvider: provider("getMeter"),
  propagate: checkFlag,
});

function provider(method: string): (value: unknown, name: string) => void {
  return (value, name) => {
    const found = value as Readonly<Record<string, unknown>> | null;
    if (typeof found !== "object" || typeof found?.[method] !== "function") {
      throw new TypeError(`${name}: expected an object with ${method}`);
    }
  };
}

const scope = "@etcdkit/metrics";

// In seconds: what the conventions ask for.
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Gives spans and metrics by the semantic conventions for RPC, in the form that is a release candidate:
 *
 * - a client span for each call, named after it (`etcdserverpb.KV/Range`), with an event for each failed attempt; of
 *   streams both ways a span of its own trace, since many share them;
 * - the histogram `rpc.client.call.duration`, in seconds.
 *
 * For these the `interceptor` must be among those of the connection. What only the client knows is of all connections of
 * the process, from now on: `etcdkit.connections`, `etcdkit.attempts`, `etcdkit.retries`, `etcdkit.watches`,
 * `etcdkit.watches.parked`, `etcdkit.watch.streams`, `etcdkit.leases.kept_alive`, `etcdkit.lease.streams`.
 *
 * @throws `TypeError` that names the option.
 */
export function createTelemetry(options: TelemetryOptions = {}): Telemetry {
  checkOptions(table, options);
  const { tracerProvider = trace, meterProvider = metrics, propagate = true } = options;
  const meter = meterProvider.getMeter(scope);
  const instruments: Instruments = {
    tracer: tracerProvider.getTracer(scope),
    duration: meter.createHistogram("rpc.client.call.duration", {
      unit: "s",
      description: "How long calls took.",
      advice: { explicitBucketBoundaries: durationBuckets },
    }),
    propagate,
  };
  const ends = [followAttempts(meter), observeState(meter)];
  let closed = false;
  const close = (): void => {
    closed = true;
    for (const end of ends) end();
  };
  const observed = observeCalls((call) => new ObservedSpan(instruments, call));
  const interceptor: CallInterceptor = (next) => {
    const through = observed(next);
    return (request) => (closed ? next(request) : through(request));
  };
  return { interceptor, close, [Symbol.dispose]: close };
}

function followAttempts(meter: Meter): () => void {
  const attempts = meter.createCounter("etcdkit.attempts", {
    unit: "{attempt}",
    description: "Attempts of calls at an endpoint. A call that was repeated has several.",
  });
  const retries = meter.createCounter("etcdkit.retries", {
    unit: "{attempt}",
    description: "Attempts of calls after their first.",
  });
  return diagnostics.attempts.subscribe((attempt) => {
    spanOf(attempt)?.attempted(attempt);
    const method = methodAttributes(attempt.service, attempt.method);
    const status = attempt.error === undefined ? "OK" : grpcStatusOf(attempt.error);
    attempts.add(1, { ...method, ...serverAttributes(attempt.endpoint), ...statusAttributes(status) });
    if (attempt.attempt > 1) retries.add(1, method);
  });
}

function observeState(meter: Meter): () => void {
  const state = openClientState();
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableUpDownCounter(`etcdkit.${name}`, { unit, description });
  const connections = gauge("connections", "{connection}", "Links to endpoints, by what they do.");
  const counts = new Map([
    [gauge("watches", "{watch}", "Watches that are open."), () => state.watches.watches],
    [gauge("watches.parked", "{watch}", "Watches that wait for a slow reader."), () => state.watches.parked],
    [gauge("watch.streams", "{stream}", "Streams that carry watches."), () => state.watches.streams],
    [gauge("leases.kept_alive", "{lease}", "Leases that are kept alive."), () => state.leases.keptAlive],
    [gauge("lease.streams", "{stream}", "Streams that carry renewals."), () => state.leases.streams],
  ]);
  const observables = [connections, ...counts.keys()];
  const callback: Parameters<Meter["addBatchObservableCallback"]>[0] = (result) => {
    for (const { endpoint, state: linkState, count } of state.links) {
      const attributes = { ...serverAttributes(endpoint), "etcdkit.connection.state": linkState };
      result.observe(connections, count, attributes);
    }
    for (const [observable, read] of counts) result.observe(observable, read());
  };
  meter.addBatchObservableCallback(callback, observables);
  return () => {
    meter.removeBatchObservableCallback(callback, observables);
    state[Symbol.dispose]();
  };
}
