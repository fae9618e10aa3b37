// Two services that find each other through etcd: one of grpc-js, one of Connect. Each answers health checks, and asks the
// other for its health.
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  Health,
  HealthCheckRequestSchema,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Status,
} from "@etcdkit/core/protocol";
// #region imports
import { createEndpointManager, openDirectory, openRegistration } from "@etcdkit/naming";
import { createDirectoryTransport } from "@etcdkit/naming/connect";
import { registerEtcdResolver } from "@etcdkit/naming/grpc-js";
import { Client, credentials, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { createEtcd } from "etcdkit";
// #endregion
import { endpoints } from "./endpoints.js";

await using etcd = createEtcd({ endpoints });

// The service "stock", of grpc-js. It wants bytes, which protobuf-es makes of messages.
const check = {
  path: "/grpc.health.v1.Health/Check",
  requestStream: false,
  responseStream: false,
  requestSerialize: (): Buffer =>
    Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema))),
  requestDeserialize: (bytes: Buffer) => fromBinary(HealthCheckRequestSchema, new Uint8Array(bytes)),
  responseSerialize: (): Buffer =>
    Buffer.from(
      toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status: Status.SERVING })),
    ),
  responseDeserialize: (bytes: Buffer): HealthCheckResponse =>
    fromBinary(HealthCheckResponseSchema, new Uint8Array(bytes)),
} as const;
const stock = new Server();
stock.addService({ check } satisfies ServiceDefinition, {
  check: (_call: unknown, done: (error: null, answer: object) => void) => done(null, {}),
});
const stockPort = await new Promise<number>((resolve, reject) =>
  stock.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  ),
);

// The service "orders", of Connect.
const orders = createServer(
  connectNodeAdapter({
    routes: (router) => void router.service(Health, { check: () => ({ status: Status.SERVING }) }),
  }),
);
orders.listen(0, "127.0.0.1");
await once(orders, "listening");
const { port: ordersPort } = orders.address() as AddressInfo;

// #region register
/** Says where an instance of a service is, for as long as it is there. */
async function announce(service: string, address: string): Promise<AsyncDisposable> {
  const manager = createEndpointManager(etcd, `examples/discovery/${service}`);
  const key = `examples/discovery/${service}/${address}`;
  return await openRegistration({ manager, leases: etcd.leases }, key, { address }, { ttlSeconds: 10 });
}

await using _stockIsThere = await announce("stock", `127.0.0.1:${stockPort}`);
await using _ordersAreThere = await announce("orders", `127.0.0.1:${ordersPort}`);
// #endregion

// #region grpc-js
// "stock" calls "orders", over a channel of grpc-js.
registerEtcdResolver(etcd);
const channel = new Client("etcd:///examples/discovery/orders", credentials.createInsecure(), {
  "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
});
// #endregion
const answer = await new Promise<HealthCheckResponse | undefined>((resolve, reject) =>
  channel.makeUnaryRequest(
    check.path,
    check.requestSerialize,
    check.responseDeserialize,
    {},
    (error, value) => (error === null ? resolve(value) : reject(error)),
  ),
);
console.log("orders:", answer && Status[answer.status]);
channel.close();

// #region connect
// "orders" calls "stock", over a transport of Connect.
await using directory = openDirectory(etcd, "examples/discovery/stock");
await using transport = createDirectoryTransport({ directory });
const client = createClient(Health, transport);
const { status } = await client.check({}, { timeoutMs: 5_000 });
console.log("stock:", Status[status]);
// #endregion

stock.forceShutdown();
orders.close();

// Output:
// orders: SERVING
// stock: SERVING
