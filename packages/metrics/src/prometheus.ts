/**
 * Metrics of an etcd client for Prometheus, through `prom-client`.
 *
 * @packageDocumentation
 */
import { type CallAttempt, diagnostics, type GrpcStatus } from "@etcdkit/core";
import { checkFlag, checkOptions, optionTable } from "@etcdkit/core/spi";
import {
  Counter,
  Gauge,
  register as globalRegistry,
  Histogram,
  Registry,
  type RegistryContentType,
} from "prom-client";
import { type ClientState, openClientState } from "./client-state.js";
import { grpcStatusOf } from "./grpc-status-of.js";
import { type CallInterceptor, observeCalls } from "./observe-calls.js";

/** Where and what is measured. */
export interface PrometheusOptions {
  /** The registry that the metrics are added to, of either format. Default: that of `prom-client`. */
  readonly register?: Registry<RegistryContentType> | undefined;
  /**
   * Adds the histogram `grpc_client_handling_seconds`, which costs a time series per method and bucket: `true` with the
   * buckets of Prometheus's clients (5 ms to 10 s), or with these upper bounds in seconds, in rising order. Default `false`.
   */
  readonly handlingSeconds?: boolean | readonly number[] | undefined;
}

/** Metrics that are being kept. */
export interface PrometheusMetrics extends Disposable {
  /** Counts the calls of the connections that have it among their `interceptors`. */
  readonly interceptor: CallInterceptor;
  /** Ends counting and takes the metrics out of the registry. Idempotent. */
  close(): void;
}

const table = optionTable("createPrometheusMetrics", {
  register: (value, name) => {
    if (typeof value !== "object" || value === null || !("registerMetric" in value)) {
      throw new TypeError(`${name}: expected a registry of prom-client`);
    }
  },
  handlingSeconds: (value, name) => {
    if (!Array.isArray(value)) return checkFlag(value, name);
    if (value.some((bound) => typeof bound !== "number")) throw new TypeError(`${name}: expected numbers`);
    if (value.length === 0 || value.some((bound, i) => !(bound > (i === 0 ? 0 : value[i - 1])))) {
      throw new RangeError(`${name}: expected rising upper bounds in seconds`);
    }
  },
});

/**
 * Keeps metrics in a registry of `prom-client`.
 *
 * Calls are counted under the names that Go users know from go-grpc-prometheus, with the labels `grpc_type`,
 * `grpc_service` and `grpc_method`: `grpc_client_started_total`, `grpc_client_handled_total` (also `grpc_code`),
 * `grpc_client_msg_received_total`, `grpc_client_msg_sent_total`, `grpc_client_handling_seconds`. For these the
 * `interceptor` must be among those of the connection.
 *
 * What only the client knows is of all connections of the process, whether they have the interceptor or not, from now on:
 * `etcdkit_connections`, `etcdkit_attempts_total`, `etcdkit_retries_total`, `etcdkit_watches`, `etcdkit_watches_parked`,
 * `etcdkit_watch_streams`, `etcdkit_leases_kept_alive`, `etcdkit_lease_streams`.
 *
 * @throws `TypeError` or `RangeError` that names the option; `Error` when the registry has a metric of one of these names
 *   already.
 */
export function createPrometheusMetrics(options: PrometheusOptions = {}): PrometheusMetrics {
  checkOptions(table, options);
  const { register = globalRegistry, handlingSeconds = false } = options;
  // Made apart and added together, so that a name that is taken leaves no half of them behind.
  const own = new Registry();
  const calls = callMetrics(own, handlingSeconds);
  const attempts = attemptCounters(own);
  const state = openClientState();
  addStateGauges(own, state);
  const names = own.getMetricsAsArray().map(({ name }) => name);
  const taken = names.find((name) => register.getSingleMetric(name) !== undefined);
  if (taken !== undefined) {
    state[Symbol.dispose]();
    throw new Error(`the registry has a metric of the name ${taken} already`);
  }
  for (const name of names) {
    const metric = own.getSingleMetric(name);
    if (metric !== undefined) register.registerMetric(metric);
  }
  const unsubscribe = diagnostics.attempts.subscribe(attempts);
  let closed = false;
  const close = (): void => {
    // Another may have taken the names since a first `close`.
    if (closed) return;
    closed = true;
    unsubscribe();
    state[Symbol.dispose]();
    for (const name of names) register.removeSingleMetric(name);
  };
  return { interceptor: interceptorOver(calls), close, [Symbol.dispose]: close };
}

type CallMetrics = ReturnType<typeof callMetrics>;

const callLabels = ["grpc_method", "grpc_service", "grpc_type"] as const;

function callMetrics(register: Registry, handlingSeconds: boolean | readonly number[]) {
  const registers = [register];
  const counter = (name: string, help: string) =>
    new Counter({ name: `grpc_client_${name}_total`, help, labelNames: callLabels, registers });
  return {
    started: counter("started", "Calls that were started."),
    handled: new Counter({
      name: "grpc_client_handled_total",
      help: "Calls that are over, whether they succeeded or failed.",
      labelNames: ["grpc_code", ...callLabels] as const,
      registers,
    }),
    received: counter("msg_received", "Messages that were received."),
    sent: counter("msg_sent", "Messages that were sent."),
    ...(handlingSeconds !== false && {
      seconds: new Histogram({
        name: "grpc_client_handling_seconds",
        help: "How long calls took, in seconds.",
        labelNames: callLabels,
        registers,
        ...(handlingSeconds !== true && { buckets: [...handlingSeconds] }),
      }),
    }),
  };
}

// go-grpc-prometheus's names of the kinds of methods.
const grpcTypes: Readonly<Record<CallAttempt["methodKind"], string>> = {
  unary: "unary",
  client_streaming: "client_stream",
  server_streaming: "server_stream",
  bidi_streaming: "bidi_stream",
};

function interceptorOver({ started, handled, received, sent, seconds }: CallMetrics): CallInterceptor {
  return observeCalls(({ service, method, kind }) => {
    // In the order of the alphabet, as Go's client prints them: prom-client keeps the order that it gets.
    const labels = { grpc_method: method, grpc_service: service, grpc_type: grpcTypes[kind] };
    started.inc(labels);
    const startedAt = performance.now();
    return {
      sent: () => sent.inc(labels),
      received: () => received.inc(labels),
      ended: (status) => {
        handled.inc({ grpc_code: goName(status), ...labels });
        seconds?.observe(labels, (performance.now() - startedAt) / 1_000);
      },
    };
  });
}

/** What Go calls a status: `DeadlineExceeded`, and `Canceled` with one `l`. */
function goName(status: GrpcStatus): string {
  if (status === "OK") return status;
  if (status === "CANCELLED") return "Canceled";
  return status.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Counts attempts. */
function attemptCounters(register: Registry): (attempt: CallAttempt) => void {
  const registers = [register];
  const attempts = new Counter({
    name: "etcdkit_attempts_total",
    help: "Attempts of calls at an endpoint. A call that was repeated has several.",
    labelNames: ["endpoint", "grpc_code", "grpc_method", "grpc_service"] as const,
    registers,
  });
  const retries = new Counter({
    name: "etcdkit_retries_total",
    help: "Attempts of calls after their first.",
    labelNames: ["grpc_method", "grpc_service"] as const,
    registers,
  });
  return ({ service, method, endpoint, attempt, error }) => {
    const labels = { grpc_method: method, grpc_service: service };
    const status = error === undefined ? "OK" : grpcStatusOf(error);
    attempts.inc({ endpoint, grpc_code: goName(status), ...labels });
    if (attempt > 1) retries.inc(labels);
  };
}

/** Gauges that look at the state when they are read. */
function addStateGauges(register: Registry, state: ClientState): void {
  const registers = [register];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name: `etcdkit_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  new Gauge({
    name: "etcdkit_connections",
    help: "Links to endpoints, by what they do.",
    labelNames: ["endpoint", "state"] as const,
    registers,
    collect() {
      this.reset();
      for (const { count, ...labels } of state.links) this.set(labels, count);
    },
  });
  gauge("watches", "Watches that are open.", () => state.watches.watches);
  gauge("watches_parked", "Watches that wait for their slow reader.", () => state.watches.parked);
  gauge("watch_streams", "Streams that carry watches.", () => state.watches.streams);
  gauge("leases_kept_alive", "Leases that are kept alive.", () => state.leases.keptAlive);
  gauge("lease_streams", "Streams that carry renewals of leases.", () => state.leases.streams);
}
