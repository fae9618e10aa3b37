import { createTelemetry } from "@etcdkit/metrics/opentelemetry";
import { openBridge } from "@etcdkit/testing";
import { propagation } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { createEtcd } from "etcdkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

function inMemory() {
  const spans = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const telemetry = createTelemetry({ tracerProvider });
  return { spans, telemetry, [Symbol.dispose]: () => telemetry.close() };
}

describeEachEtcd("traces for OpenTelemetry", (etcd) => {
  const shared = etcd.shared();

  beforeAll(() => {
    propagation.setGlobalPropagator({
      inject: (_context, carrier, setter) =>
        setter.set(carrier, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
      extract: (context) => context,
      fields: () => ["traceparent"],
    });
  });
  afterAll(() => propagation.disable());

  it("have a span for each call and each stream, and the server takes the trace's context", async () => {
    using memory = inMemory();
    const key = uniqueKey();
    {
      await using client = createEtcd({
        endpoints: shared.endpoints,
        interceptors: [memory.telemetry.interceptor],
      });
      const watch = client.watcher.watch(key);
      await watch.created;
      await client.kv.put(key, "value");
      for await (const _ of watch) break;
      await client.kv.get("").catch(() => undefined);
    }
    const url = new URL(shared.endpoints[0] ?? "");
    const server = { "server.address": url.hostname, "server.port": Number(url.port) };
    const spans = memory.spans.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }));
    const of = (name: string) => spans.find((span) => span.name === name)?.attributes;
    expect(of("etcdserverpb.KV/Put")).toMatchObject({ ...server, "rpc.response.status_code": "OK" });
    expect(of("etcdserverpb.KV/Range")).toMatchObject({ ...server, "error.type": "INVALID_ARGUMENT" });
    expect(of("etcdserverpb.Watch/Watch")).toMatchObject({ "rpc.response.status_code": "CANCELLED" });
  });

  it("note the attempt that was lost with its link", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    using memory = inMemory();
    await using client = createEtcd({
      endpoints: bridge.endpoint,
      interceptors: [memory.telemetry.interceptor],
    });
    await client.kv.get("any");
    const lost = bridge.dropAnswersThenCut({ quietMs: 20 });
    await client.kv.get("any");
    await lost;
    const events = memory.spans.getFinishedSpans().map((span) => span.events);
    expect(events.map(({ length }) => length)).toEqual([0, 1]);
    expect(events[1]).toMatchObject([
      { name: "etcdkit.attempt.failed", attributes: { "etcdkit.error.code": "UNAVAILABLE" } },
    ]);
    await bridge.connected(2);
  });
});
