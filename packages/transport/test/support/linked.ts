import type { MessageShape } from "@bufbuild/protobuf";
import type { BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { createConnectNodeTransport } from "../../src/connect-node.js";
import { dispositionOf } from "../../src/disposition.js";
import type { EndpointTransport } from "../../src/endpoint-transport.js";
import { failureKindOf } from "../../src/failure-kind.js";
import { createHttp2Transport } from "../../src/http2-transport.js";
import type { TransportOptions } from "../../src/transport-options.js";
import { address } from "./address.js";
import { once } from "./echo.js";
import { type OnStream, startHttp2Server, type TestServer } from "./http2-server.js";

export type MakeTransport = (options: TransportOptions) => EndpointTransport;

/** The transports of this package that know their link: they pass the same tests. */
export const transports: readonly (readonly [name: string, make: MakeTransport])[] = [
  ["our own transport", createHttp2Transport],
  ["connect-node's transport", createConnectNodeTransport],
];

/** One unary call: its request, and how it is limited. */
export interface Once {
  readonly value?: Uint8Array;
  readonly headers?: HeadersInit;
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

type HeadersInit = ConstructorParameters<typeof Headers>[0];

/** A server, and a transport that is connected to it. */
export interface Linked extends AsyncDisposable {
  readonly server: TestServer;
  readonly transport: EndpointTransport;
  /** Makes one unary call. */
  call(call?: Once): Promise<MessageShape<typeof BytesValueSchema>>;
}

/** For dials that nothing ends. */
export const neverAborts: AbortSignal = new AbortController().signal;

/** Makes one unary call. */
export async function callOnce(
  transport: EndpointTransport,
  { value, headers, signal, timeoutMs }: Once = {},
): Promise<MessageShape<typeof BytesValueSchema>> {
  const input = value === undefined ? {} : { value };
  return (await transport.unary(once, signal, timeoutMs, headers, input)).message;
}

/** A server that answers so, and a transport that is connected to it. */
export async function linked(
  make: MakeTransport,
  onStream: OnStream,
  options: Partial<TransportOptions> = {},
  limits: { readonly maxConcurrentStreams?: number } = {},
): Promise<Linked> {
  const server = await startHttp2Server(onStream, limits);
  const transport = make({
    endpoint: address(`http://127.0.0.1:${server.port}`),
    keepAlive: false,
    ...options,
  });
  await transport.connect(neverAborts);
  return {
    server,
    transport,
    call: (call) => callOnce(transport, call),
    async [Symbol.asyncDispose]() {
      await transport.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** What is known of a request that failed. The kind is undefined for a status of the server's. */
export function judged(error: unknown): object {
  return { disposition: dispositionOf(error), kind: failureKindOf(error) };
}

/** The judgement of a request that may have been carried out. */
export const unclear: object = { disposition: "unknown", kind: "link" };
