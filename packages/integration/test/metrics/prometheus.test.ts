import { createPrometheusMetrics } from "@etcdkit/metrics/prometheus";
import { openBridge } from "@etcdkit/testing";
import { createEtcd } from "etcdkit";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { serveMetrics } from "./page.js";

const soon = { timeout: 15_000 };

describeEachEtcd("metrics for Prometheus", (etcd) => {
  const shared = etcd.shared();

  // metrics_test.go:TestV3ClientMetrics
  it("count a put once and each message of a watch, on a page that is scraped", async () => {
    const register = new Registry();
    using metrics = createPrometheusMetrics({ register });
    await using page = await serveMetrics(register);
    await using client = createEtcd({ endpoints: shared.endpoints, interceptors: [metrics.interceptor] });
    const key = uniqueKey();
    await using watch = client.watcher.watch(key);
    const batches = watch[Symbol.asyncIterator]();
    await watch.created;
    const received = ["grpc_client_msg_received_total", "Watch", "bidi_stream"] as const;
    const started = ["grpc_client_started_total", "Put", "unary"] as const;
    const before = { received: await page.sum(...received), started: await page.sum(...started) };
    // That the watch was created is the first message.
    expect(before).toEqual({ received: 1, started: 0 });
    await client.kv.put(key, "bar");
    expect(await page.sum(...started)).toBe(1);
    await batches.next();
    expect(await page.sum(...received)).toBe(2);
    expect(await page.sum("grpc_client_handled_total", "Put", "OK")).toBe(1);
    // The stream goes on.
    expect(await page.sum("grpc_client_started_total", "Watch")).toBe(1);
    expect(await page.sum("grpc_client_handled_total", "Watch")).toBe(0);
  });

  // tests/integration/clientv3/examples/example_metrics_test.go:ExampleClient_metrics
  it("write the line of a read as Go's client does", async () => {
    const register = new Registry();
    using metrics = createPrometheusMetrics({ register });
    await using page = await serveMetrics(register);
    await using client = createEtcd({ endpoints: shared.endpoints, interceptors: [metrics.interceptor] });
    await client.kv.get("test_key");
    expect(await page.lines()).toContain(
      'grpc_client_started_total{grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1',
    );
  });

  it("count the streams that deliver pages, leave and fail", async () => {
    const register = new Registry();
    using metrics = createPrometheusMetrics({ register });
    await using page = await serveMetrics(register);
    await using client = createEtcd({ endpoints: shared.endpoints, interceptors: [metrics.interceptor] });
    const watch = client.watcher.watch(uniqueKey());
    await watch.created;
    await watch.close();
    await expect.poll(() => page.sum("grpc_client_handled_total", "Watch", "Canceled"), soon).toBe(1);
    const snapshot = await client.maintenance.snapshot({ endpoint: shared.endpoints[0] });
    for await (const _ of snapshot) break;
    await expect.poll(() => page.sum("grpc_client_handled_total", "Snapshot", "server_stream"), soon).toBe(1);
    await client.kv.get("").catch(() => undefined);
    expect(await page.sum("grpc_client_handled_total", "Range", "InvalidArgument")).toBe(1);
  });

  it("count a read once that was sent twice, and its attempts", async () => {
    await using bridge = await openBridge(shared.endpoints[0] ?? "");
    const register = new Registry();
    using metrics = createPrometheusMetrics({ register });
    await using page = await serveMetrics(register);
    await using client = createEtcd({ endpoints: bridge.endpoint, interceptors: [metrics.interceptor] });
    await client.kv.get("any");
    const lost = bridge.dropAnswersThenCut({ quietMs: 20 });
    await client.kv.get("any");
    await lost;
    expect(await page.sum("grpc_client_started_total", "Range")).toBe(2);
    expect(await page.sum("etcdkit_attempts_total", "Range", "OK", bridge.endpoint)).toBe(2);
    expect(await page.sum("etcdkit_attempts_total", "Range", "Unavailable")).toBe(1);
    expect(await page.sum("etcdkit_retries_total", "Range")).toBe(1);
    await bridge.connected(2);
  });

  it("show what is open: links, watches, leases; and nothing of it once that is closed", async () => {
    const register = new Registry();
    using metrics = createPrometheusMetrics({ register });
    await using page = await serveMetrics(register);
    const gauges = async (): Promise<readonly number[]> =>
      await Promise.all(
        ["connections", "watches", "watch_streams", "leases_kept_alive", "lease_streams"].map((name) =>
          page.sum(`etcdkit_${name}`),
        ),
      );
    {
      await using client = createEtcd({ endpoints: shared.endpoints, interceptors: [metrics.interceptor] });
      const { id } = await client.leases.grant(60);
      const kept = client.leases.keepAlive(id);
      await kept[Symbol.asyncIterator]().next();
      await Promise.all([client.watcher.watch("a").created, client.watcher.watch("b").created]);
      expect(await gauges()).toEqual([1, 2, 1, 1, 1]);
      expect(await page.sum("etcdkit_connections", "ready", shared.endpoints[0] ?? "")).toBe(1);
      await client.leases.revoke(id);
      await expect.poll(gauges, soon).toEqual([1, 2, 1, 0, 0]);
    }
    expect(await gauges()).toEqual([0, 0, 0, 0, 0]);
  });
});
