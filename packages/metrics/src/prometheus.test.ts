import { createClient } from "@connectrpc/connect";
import { connect, diagnostics } from "@etcdkit/core";
import { KV, Watch } from "@etcdkit/core/protocol";
import { Counter, register as globalRegistry, type OpenMetricsContentType, Registry } from "prom-client";
import { afterEach, describe, expect, it } from "vitest";
import { cluster } from "../test/cluster.js";
import { createPrometheusMetrics, type PrometheusMetrics } from "./prometheus.js";

const register = new Registry();
let metrics: PrometheusMetrics;

/** The lines of the page about a metric, without comments, sorted. */
async function lines(name: string): Promise<readonly string[]> {
  const page = await register.metrics();
  return page
    .split("\n")
    .filter((line) => line.startsWith(name))
    .toSorted();
}

describe("createPrometheusMetrics", () => {
  afterEach(() => metrics.close());

  it("counts calls under the names and labels of go-grpc-prometheus", async () => {
    metrics = createPrometheusMetrics({ register });
    await using connection = connect({ ...cluster(), interceptors: [metrics.interceptor] });
    const kv = createClient(KV, connection.transport);
    await kv.range({});
    await kv.range({});
    await kv.put({}).catch(() => undefined);
    await kv.compact({}, { timeoutMs: 5 }).catch(() => undefined);
    await kv.compact({}, { signal: AbortSignal.abort() }).catch(() => undefined);
    const labels = (method: string): string =>
      `grpc_method="${method}",grpc_service="etcdserverpb.KV",grpc_type="unary"`;
    expect(await lines("grpc_client_started_total")).toEqual([
      `grpc_client_started_total{${labels("Compact")}} 2`,
      `grpc_client_started_total{${labels("Put")}} 1`,
      `grpc_client_started_total{${labels("Range")}} 2`,
    ]);
    expect(await lines("grpc_client_handled_total")).toEqual([
      `grpc_client_handled_total{grpc_code="Canceled",${labels("Compact")}} 1`,
      `grpc_client_handled_total{grpc_code="DeadlineExceeded",${labels("Compact")}} 1`,
      `grpc_client_handled_total{grpc_code="InvalidArgument",${labels("Put")}} 1`,
      `grpc_client_handled_total{grpc_code="OK",${labels("Range")}} 2`,
    ]);
    expect(await lines("grpc_client_msg_received_total")).toEqual([
      `grpc_client_msg_received_total{${labels("Range")}} 2`,
    ]);
    expect(await lines("grpc_client_msg_sent_total")).toContain(
      `grpc_client_msg_sent_total{${labels("Put")}} 1`,
    );
    expect(await lines("grpc_client_handling_seconds")).toEqual([]);
  });

  it("goes into a registry that writes OpenMetrics as well", async () => {
    const open = new Registry<OpenMetricsContentType>();
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    metrics = createPrometheusMetrics({ register: open, handlingSeconds: [1] });
    await using connection = connect({ ...cluster(), interceptors: [metrics.interceptor] });
    await createClient(KV, connection.transport).range({});
    const page = await open.metrics();
    expect(page).toContain("# TYPE grpc_client_started counter\n");
    expect(page).toMatch(/^grpc_client_started_total\{.*\} 1$/m);
    expect(page).toMatch(/^grpc_client_handling_seconds_bucket\{le="1",.*\} 1$/m);
  });

  it("counts the messages of a stream", async () => {
    metrics = createPrometheusMetrics({ register });
    await using connection = connect({ ...cluster(), interceptors: [metrics.interceptor] });
    const requests = async function* () {
      for (let i = 0; i < 3; i++) yield {};
    };
    await Array.fromAsync(createClient(Watch, connection.transport).watch(requests()));
    const labels = 'grpc_method="Watch",grpc_service="etcdserverpb.Watch",grpc_type="bidi_stream"';
    expect(await lines("grpc_client_msg")).toEqual([
      `grpc_client_msg_received_total{${labels}} 3`,
      `grpc_client_msg_sent_total{${labels}} 3`,
    ]);
    expect(await lines("grpc_client_handled_total")).toEqual([
      `grpc_client_handled_total{grpc_code="OK",${labels}} 1`,
    ]);
  });

  it("measures how long calls take when it is asked to, in the buckets that it is given", async () => {
    metrics = createPrometheusMetrics({ register, handlingSeconds: [0.000001, 60] });
    await using connection = connect({ ...cluster(), interceptors: [metrics.interceptor] });
    await createClient(KV, connection.transport).range({});
    const labels = 'grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"';
    expect(await lines("grpc_client_handling_seconds_bucket")).toEqual([
      `grpc_client_handling_seconds_bucket{le="+Inf",${labels}} 1`,
      `grpc_client_handling_seconds_bucket{le="0.000001",${labels}} 0`,
      `grpc_client_handling_seconds_bucket{le="60",${labels}} 1`,
    ]);
    metrics.close();
    metrics = createPrometheusMetrics({ register, handlingSeconds: true });
    expect(await register.metrics()).toContain("# TYPE grpc_client_handling_seconds histogram");
  });

  it("counts a call once and its attempts each, by endpoint, also of connections without the interceptor", async () => {
    metrics = createPrometheusMetrics({ register });
    await using connection = connect({ ...cluster(1), interceptors: [metrics.interceptor] });
    await createClient(KV, connection.transport).range({});
    expect(await lines("grpc_client_started_total")).toHaveLength(1);
    const labels = 'grpc_method="Range",grpc_service="etcdserverpb.KV"';
    expect(await lines("etcdkit_attempts_total")).toEqual([
      `etcdkit_attempts_total{endpoint="http://a:2379",grpc_code="Unavailable",${labels}} 1`,
      `etcdkit_attempts_total{endpoint="http://b:2379",grpc_code="OK",${labels}} 1`,
    ]);
    expect(await lines("etcdkit_retries_total")).toEqual([`etcdkit_retries_total{${labels}} 1`]);
    await using other = connect(cluster());
    await createClient(KV, other.transport).range({});
    expect(await lines("etcdkit_attempts_total")).toContain(
      `etcdkit_attempts_total{endpoint="http://a:2379",grpc_code="OK",${labels}} 1`,
    );
    expect(await lines("grpc_client_started_total")).toEqual([expect.stringMatching(/ 1$/)]);
  });

  it("shows the links of connections while they are open, and what watchers and lease clients have open", async () => {
    metrics = createPrometheusMetrics({ register });
    {
      await using connection = connect(cluster());
      await createClient(KV, connection.transport).range({});
      expect(await lines("etcdkit_connections")).toEqual([
        'etcdkit_connections{endpoint="http://a:2379",state="ready"} 1',
        'etcdkit_connections{endpoint="http://b:2379",state="ready"} 1',
      ]);
    }
    expect(await lines("etcdkit_connections")).toEqual([]);
    diagnostics.watches.publish({ watcher: {}, watches: 7, streams: 2, parked: 3 });
    diagnostics.leases.publish({ leases: {}, keptAlive: 5, streams: 1 });
    expect([...(await lines("etcdkit_watch")), ...(await lines("etcdkit_lease"))]).toEqual([
      "etcdkit_watch_streams 2",
      "etcdkit_watches 7",
      "etcdkit_watches_parked 3",
      "etcdkit_lease_streams 1",
      "etcdkit_leases_kept_alive 5",
    ]);
  });

  it("leaves nothing behind in the registry and on the channels when it is closed, once", async () => {
    metrics = createPrometheusMetrics({ register });
    metrics.close();
    expect(await register.metrics()).toBe("\n");
    for (const channel of Object.values(diagnostics)) expect(channel.hasSubscribers).toBe(false);
    const next = createPrometheusMetrics({ register });
    metrics.close();
    expect(await register.metrics()).toContain("grpc_client_started_total");
    next[Symbol.dispose]();
  });

  it("uses the registry of prom-client unless it is given another, and each only once", async () => {
    metrics = createPrometheusMetrics();
    expect(await globalRegistry.metrics()).toContain("grpc_client_started_total");
    expect(() => createPrometheusMetrics()).toThrow("grpc_client_started_total already");
    // What failed listens to nothing.
    metrics.close();
    for (const channel of Object.values(diagnostics)) expect(channel.hasSubscribers).toBe(false);
  });

  it("adds nothing to a registry in which one of the names is taken", async () => {
    metrics = createPrometheusMetrics({ register: new Registry() });
    const other = new Registry();
    new Counter({ name: "etcdkit_retries_total", help: "another", registers: [other] });
    expect(() => createPrometheusMetrics({ register: other })).toThrow("etcdkit_retries_total already");
    expect(other.getMetricsAsArray().map(({ name }) => name)).toEqual(["etcdkit_retries_total"]);
  });

  it.each([
    [{ registry: register }, TypeError, 'unknown option "registry"'],
    [{ register: {} }, TypeError, "register: expected a registry"],
    [{ handlingSeconds: 1 }, TypeError, "handlingSeconds must be a boolean"],
    [{ handlingSeconds: ["1"] }, TypeError, "handlingSeconds: expected numbers"],
    [{ handlingSeconds: [] }, RangeError, "handlingSeconds: expected rising"],
    [{ handlingSeconds: [1, 1] }, RangeError, "handlingSeconds: expected rising"],
    [{ handlingSeconds: [0, 1] }, RangeError, "handlingSeconds: expected rising"],
    [{ handlingSeconds: [1, Number.NaN] }, RangeError, "handlingSeconds: expected rising"],
  ])("refuses %j", (options, type, message) => {
    const attempt = (): unknown => createPrometheusMetrics(options as never);
    expect(attempt).toThrow(type);
    expect(attempt).toThrow(message);
  });
});
