import { inspect } from "node:util";
import { diagnostics } from "@etcdkit/core";
import { createTelemetry } from "@etcdkit/metrics/opentelemetry";
import { createPrometheusMetrics } from "@etcdkit/metrics/prometheus";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { createEtcd } from "etcdkit";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";

// What is told is made on this side, whatever the server's version.
describeNewestEtcd("metrics, traces and diagnostics", (etcd) => {
  it("tell nothing of passwords, tokens, keys and values", async () => {
    await using cluster = await etcd.start({ auth: "simple" });
    const { root } = cluster.auth ?? {};
    if (root === undefined) throw new Error("the cluster has no users");
    const attempts: unknown[] = [];
    const unsubscribe = diagnostics.attempts.subscribe(({ context: _, ...attempt }) =>
      attempts.push(attempt),
    );
    const spans = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
    const register = new Registry();
    using metrics = createPrometheusMetrics({ register });
    using telemetry = createTelemetry({ tracerProvider });
    const credentials = { username: root.name, password: root.password };
    const interceptors = [metrics.interceptor, telemetry.interceptor];
    {
      await using client = createEtcd({ endpoints: cluster.endpoints, credentials, interceptors });
      await client.kv.put("canary-key", "canary-value");
      await client.kv.get("canary-key");
      await client.kv.put("canary-key", "canary-value", { leaseId: 7n }).catch(() => undefined);
      const wrong = { username: root.name, password: "canary-password" };
      await using refused = createEtcd({ endpoints: cluster.endpoints, credentials: wrong, interceptors });
      await refused.kv.get("canary-key").catch(() => undefined);
    }
    unsubscribe();
    const told = [
      await register.metrics(),
      ...[...attempts, ...spans.getFinishedSpans()].map((one) =>
        inspect(one, { depth: 12, showHidden: true }),
      ),
    ].join("\n");
    expect(told).toContain("LEASE_NOT_FOUND");
    expect(told).toContain("AUTH_FAILED");
    expect(told).not.toContain("canary");
    expect(told).not.toContain(root.password);
  });
});
