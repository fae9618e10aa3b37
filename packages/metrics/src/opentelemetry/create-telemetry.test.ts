import { createClient } from "@connectrpc/connect";
import { connect, diagnostics } from "@etcdkit/core";
import { KV, Maintenance, Watch } from "@etcdkit/core/protocol";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cluster, events } from "../../test/cluster.js";
import { observeCalls } from "../observe-calls.js";
import { createTelemetry, type Telemetry, type TelemetryOptions } from "./create-telemetry.js";

/** Telemetry into memory. */
function inMemory(options: TelemetryOptions = {}) {
  const spans = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const telemetry = createTelemetry({ tracerProvider, meterProvider, ...options });
  /** What was measured under a name, as it is now. */
  const measured = async (name: string) => {
    exporter.reset();
    await reader.forceFlush();
    const all = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
    const found = all.find(({ descriptor }) => descriptor.name === name);
    return found && { ...found.descriptor, points: found.dataPoints };
  };
  return { telemetry, spans, tracerProvider, measured, end: () => meterProvider.shutdown() };
}

let memory: ReturnType<typeof inMemory>;
let telemetry: Telemetry;

describe("createTelemetry", () => {
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  });
  afterAll(() => {
    context.disable();
    propagation.disable();
  });
  beforeEach(() => {
    memory = inMemory();
    telemetry = memory.telemetry;
  });
  afterEach(async () => {
    telemetry.close();
    await memory.end();
  });

  it("gives a client span for a call, by the conventions for gRPC", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    await createClient(KV, connection.transport).range({});
    const [span] = memory.spans.getFinishedSpans();
    expect(span).toMatchObject({
      name: "etcdserverpb.KV/Range",
      kind: SpanKind.CLIENT,
      attributes: {
        "rpc.system.name": "grpc",
        "rpc.method": "etcdserverpb.KV/Range",
        "rpc.response.status_code": "OK",
        "server.address": "a",
        "server.port": 2379,
      },
      status: { code: SpanStatusCode.UNSET },
      events: [],
      instrumentationScope: { name: "@etcdkit/metrics" },
    });
    expect(span?.attributes).not.toHaveProperty("error.type");
  });

  it("says of a failed call how it failed, in span and measurement alike", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    await createClient(KV, connection.transport)
      .put({})
      .catch(() => undefined);
    const failure = { "rpc.response.status_code": "INVALID_ARGUMENT", "error.type": "INVALID_ARGUMENT" };
    const [span] = memory.spans.getFinishedSpans();
    expect(span).toMatchObject({ attributes: failure, status: { code: SpanStatusCode.ERROR } });
    expect(span?.status.message).toContain("key is not provided");
    const durations = await memory.measured("rpc.client.call.duration");
    expect(durations).toMatchObject({
      unit: "s",
      points: [{ attributes: { ...failure, "rpc.method": "etcdserverpb.KV/Put", "server.port": 2379 } }],
    });
  });

  it("tells nothing of the reason that a caller aborts with", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    const signal = AbortSignal.abort(new Error("s3cret"));
    await createClient(KV, connection.transport)
      .range({}, { signal })
      .catch(() => undefined);
    const [span] = memory.spans.getFinishedSpans();
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span?.attributes).toMatchObject({ "error.type": "CANCELLED" });
    expect(span?.attributes).not.toHaveProperty("server.address");
  });

  it("says where a call went that its caller aborts, and a stream that is aborted or left", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    await connection.ready();
    const aborted = new AbortController();
    const compaction = createClient(KV, connection.transport).compact({}, { signal: aborted.signal });
    aborted.abort();
    await compaction.catch(() => undefined);
    const maintenance = createClient(Maintenance, connection.transport);
    const over = new AbortController();
    const unread = maintenance.snapshot({}, { signal: over.signal })[Symbol.asyncIterator]();
    await unread.next();
    over.abort();
    await unread.next().catch(() => undefined);
    const { snapshot } = Maintenance.method;
    const requests = async function* () {
      yield {};
    };
    const left = await connection.transport.stream(snapshot, undefined, undefined, undefined, requests());
    for await (const _ of left.message) break;
    const spans = memory.spans.getFinishedSpans();
    expect(spans.map(({ name }) => name)).toEqual([
      "etcdserverpb.KV/Compact",
      "etcdserverpb.Maintenance/Snapshot",
      "etcdserverpb.Maintenance/Snapshot",
    ]);
    for (const { attributes } of spans) {
      expect(attributes).toMatchObject({
        "error.type": "CANCELLED",
        "server.address": expect.stringMatching(/^[ab]$/),
      });
    }
  });

  it("measures durations in the buckets of the conventions", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    await createClient(KV, connection.transport).range({});
    const durations = await memory.measured("rpc.client.call.duration");
    expect(durations?.points).toMatchObject([
      {
        attributes: { "rpc.system.name": "grpc", "rpc.method": "etcdserverpb.KV/Range" },
        value: {
          count: 1,
          buckets: {
            boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
          },
        },
      },
    ]);
  });

  it("notes each failed attempt in the span of its own call, also under other interceptors and shared context values", async () => {
    const counting = observeCalls(() => ({
      sent: () => undefined,
      received: () => undefined,
      ended: () => undefined,
    }));
    const interceptors = [telemetry.interceptor, counting];
    await using connection = connect({ ...cluster(1), interceptors });
    const contextValues = {
      get: () => undefined as never,
      set: () => contextValues,
      delete: () => contextValues,
    };
    const kv = createClient(KV, connection.transport);
    await Promise.all([kv.range({}, { contextValues }), kv.range({}, { contextValues })]);
    const noted = memory.spans.getFinishedSpans().map(({ events: all }) => all);
    expect(noted.map(({ length }) => length).toSorted()).toEqual([0, 1]);
    expect(noted.flat()).toMatchObject([
      {
        name: "etcdkit.attempt.failed",
        attributes: { "etcdkit.attempt": 1, "error.type": "UNAVAILABLE", "server.address": "a" },
      },
    ]);
    expect(await memory.measured("etcdkit.retries")).toMatchObject({ points: [{ value: 1 }] });
    const attempts = await memory.measured("etcdkit.attempts");
    expect(attempts?.points.map(({ value }) => value)).toEqual(expect.arrayContaining([1]));
  });

  it("continues the caller's trace, and hands it on to the server unless told not to", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    const tracer = memory.tracerProvider.getTracer("test");
    const caller = tracer.startSpan("caller");
    await context.with(trace.setSpan(context.active(), caller), () =>
      createClient(KV, connection.transport).range({}),
    );
    const [span] = memory.spans.getFinishedSpans();
    const { traceId, spanId } = span?.spanContext() ?? {};
    expect(traceId).toBe(caller.spanContext().traceId);
    expect(span?.parentSpanContext?.spanId).toBe(caller.spanContext().spanId);
    expect(events.traceparents.at(-1)).toBe(`00-${traceId}-${spanId}-01`);

    const quiet = inMemory({ propagate: false });
    await using other = connect({ ...cluster(), interceptors: [quiet.telemetry.interceptor] });
    await createClient(KV, other.transport).range({});
    expect(events.traceparents.at(-1)).toBeNull();
    quiet.telemetry.close();
    await quiet.end();
  });

  it("gives a stream that many share a trace of its own", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    const caller = memory.tracerProvider.getTracer("test").startSpan("caller");
    const requests = async function* () {
      yield {};
    };
    await context.with(trace.setSpan(context.active(), caller), () =>
      Array.fromAsync(createClient(Watch, connection.transport).watch(requests())),
    );
    const [span] = memory.spans.getFinishedSpans();
    expect(span?.name).toBe("etcdserverpb.Watch/Watch");
    expect(span?.parentSpanContext).toBeUndefined();
    expect(span?.spanContext().traceId).not.toBe(caller.spanContext().traceId);
  });

  it("shows links, watches and leases", async () => {
    await using connection = connect(cluster());
    await createClient(KV, connection.transport).range({});
    diagnostics.watches.publish({ watcher: {}, watches: 7, streams: 2, parked: 3 });
    diagnostics.leases.publish({ leases: {}, keptAlive: 5, streams: 1 });
    const connections = await memory.measured("etcdkit.connections");
    expect(connections?.points).toMatchObject([
      { attributes: { "server.address": "a", "etcdkit.connection.state": "ready" }, value: 1 },
      { attributes: { "server.address": "b", "etcdkit.connection.state": "ready" }, value: 1 },
    ]);
    for (const [name, value] of [
      ["watches", 7],
      ["watches.parked", 3],
      ["watch.streams", 2],
      ["leases.kept_alive", 5],
      ["lease.streams", 1],
    ] as const) {
      expect(await memory.measured(`etcdkit.${name}`), name).toMatchObject({ points: [{ value }] });
    }
  });

  it("sees nothing any more once it is closed", async () => {
    await using connection = connect({ ...cluster(), interceptors: [telemetry.interceptor] });
    telemetry.close();
    telemetry[Symbol.dispose]();
    await createClient(KV, connection.transport).range({});
    expect(memory.spans.getFinishedSpans()).toEqual([]);
    expect((await memory.measured("etcdkit.attempts"))?.points ?? []).toEqual([]);
    for (const channel of Object.values(diagnostics)) expect(channel.hasSubscribers).toBe(false);
  });

  it("works with the global providers, and without any", async () => {
    using global = createTelemetry();
    await using connection = connect({ ...cluster(), interceptors: [global.interceptor] });
    await createClient(KV, connection.transport).range({});
    trace.setGlobalTracerProvider(memory.tracerProvider);
    using later = createTelemetry();
    await using traced = connect({ ...cluster(), interceptors: [later.interceptor] });
    await createClient(KV, traced.transport).range({});
    trace.disable();
    expect(memory.spans.getFinishedSpans()).toHaveLength(1);
  });

  it.each([
    [{ tracer: {} }, 'unknown option "tracer"'],
    [{ tracerProvider: {} }, "tracerProvider: expected an object with getTracer"],
    [{ meterProvider: null }, "meterProvider: expected an object with getMeter"],
    [{ propagate: "no" }, "propagate must be a boolean"],
  ])("refuses %j", (options, message) => {
    expect(() => createTelemetry(options as never)).toThrow(TypeError);
    expect(() => createTelemetry(options as never)).toThrow(message);
  });
});
