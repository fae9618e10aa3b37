import { type Client, createClient } from "@connectrpc/connect";
import { systemClock } from "../src/connection/clock.js";
import { parseEndpoint } from "../src/connection/endpoint.js";
import { fromTransport } from "../src/errors/from-transport.js";
import { KV } from "../src/gen/etcdserverpb/rpc_pb.js";
import {
  type ConnectNodeTransportOptions,
  createConnectNodeTransport,
} from "../src/transport/connect-node-transport.js";
import { dispositionOf } from "../src/transport/disposition.js";
import type { EndpointTransport } from "../src/transport/endpoint-transport.js";
import { type OnStream, startHttp2Server, type TestServer } from "./http2-server.js";

/** A server, and a transport that is connected to it. */
export interface Linked extends AsyncDisposable {
  readonly server: TestServer;
  readonly transport: EndpointTransport;
  readonly kv: Client<typeof KV>;
}

/** For dials that nothing ends. */
export const neverAborts: AbortSignal = new AbortController().signal;

/** A server that answers so, and a transport that is connected to it. */
export async function linked(
  onStream: OnStream,
  options: Partial<ConnectNodeTransportOptions> = {},
  limits: { readonly maxConcurrentStreams?: number } = {},
): Promise<Linked> {
  const server = await startHttp2Server(onStream, limits);
  const transport = createConnectNodeTransport(parseEndpoint(`127.0.0.1:${server.port}`, false), {
    keepAlive: false,
    maxSendBytes: 2 ** 21,
    maxReceiveBytes: 2 ** 31 - 1,
    clock: systemClock,
    ...options,
  });
  await transport.connect(neverAborts);
  return {
    server,
    transport,
    kv: createClient(KV, transport),
    async [Symbol.asyncDispose]() {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** How a failed put is judged: what the connection would tell its caller. */
export function judged(error: unknown): object {
  const { code, outcome } = fromTransport(error, { method: "Put", endpoint: "http://a", writes: true });
  return { disposition: dispositionOf(error), code, outcome };
}

/** The judgement of a request that may have been carried out. */
export const unclear: object = { disposition: "unknown", code: "UNAVAILABLE", outcome: "unknown" };
