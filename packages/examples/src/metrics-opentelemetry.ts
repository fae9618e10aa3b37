// Tracing calls with OpenTelemetry.
// #region telemetry
import { createTelemetry } from "@etcdkit/metrics/opentelemetry";
import { SpanStatusCode } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { createEtcd } from "etcdkit";
import { endpoints } from "./endpoints.js";

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

// Without options it uses the providers that the program has registered with @opentelemetry/api.
using telemetry = createTelemetry({ tracerProvider });
await using etcd = createEtcd({ endpoints, interceptors: [telemetry.interceptor] });
// #endregion

await etcd.kv.get("examples/metrics-opentelemetry");
await etcd.kv.get("").catch(() => undefined);

for (const { name, attributes, status } of exporter.getFinishedSpans()) {
  const failed = status.code === SpanStatusCode.ERROR ? "failed" : "fine";
  console.log(name, attributes["rpc.response.status_code"], failed);
}

// Output:
// etcdserverpb.KV/Range OK fine
// etcdserverpb.KV/Range INVALID_ARGUMENT failed
