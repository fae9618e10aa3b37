// Serving metrics to Prometheus.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
// #region metrics
import { createPrometheusMetrics } from "@etcdkit/metrics/prometheus";
import { createEtcd } from "etcdkit";
import { register } from "prom-client";
import { endpoints } from "./endpoints.js";

const metrics = createPrometheusMetrics();
const etcd = createEtcd({ endpoints, interceptors: [metrics.interceptor] });

const server = createServer(async (_request, response) => {
  response.setHeader("content-type", register.contentType);
  response.end(await register.metrics());
});
// #endregion
server.listen(0, "127.0.0.1");
await once(server, "listening");

await etcd.kv.get("examples/metrics-prometheus");
await etcd.kv.get("").catch(() => undefined);

// What Prometheus would read.
const { port } = server.address() as AddressInfo;
const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
for (const line of page.split("\n")) {
  if (/^(grpc_client_(started|handled)|etcdkit_leases)/.test(line)) console.log(line);
}

await etcd.close();
metrics.close();
server.close();
server.closeAllConnections();

// Output:
// grpc_client_started_total{grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"} 2
// grpc_client_handled_total{grpc_code="OK",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1
// grpc_client_handled_total{grpc_code="InvalidArgument",grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary"} 1
// etcdkit_leases_kept_alive 0
