import type { ClientHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";
import { ConnectError, type Transport } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import type { Clock } from "../connection/clock.js";
import type { Endpoint } from "../connection/endpoint.js";
import type { TlsSource } from "../connection/tls-options.js";
import { dialEndpoint } from "./dial.js";
import type { Disposition } from "./disposition.js";
import type { ConnectionState, EndpointTransport, TransportEvent } from "./endpoint-transport.js";
import { explainHandshake } from "./handshake-failure.js";
import { Http2Session, unsent } from "./http2-session.js";
import { type KeepaliveTimes, PingPace } from "./keepalive.js";
import { refuseTooLarge } from "./request-size.js";

// Follows a server for as long as there is a link, which is upkeep and nothing that a program waits for.
const healthWatch = "/grpc.health.v1.Health/Watch";

/** How the transport to one endpoint behaves. */
export interface ConnectNodeTransportOptions {
  readonly tls?: TlsSource | undefined;
  readonly dial?: ((endpoint: Endpoint, signal: AbortSignal) => Promise<Duplex>) | undefined;
  readonly keepAlive: KeepaliveTimes | false;
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
  readonly compression?: "gzip" | undefined;
  readonly clock: Clock;
}

/**
 * gRPC to one endpoint by connect-node's transport, over an HTTP/2 session of our own: connect-node does not tell when
 * its session is up, nor whether a request left, and both are needed to balance and to repeat safely.
 */
export function createConnectNodeTransport(
  endpoint: Endpoint,
  options: ConnectNodeTransportOptions,
): EndpointTransport {
  return new ConnectNodeTransport(endpoint, options);
}

class ConnectNodeTransport implements EndpointTransport {
  readonly #endpoint: Endpoint;
  readonly #options: ConnectNodeTransportOptions;
  readonly #grpc: Transport;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  /** Sessions that take no new requests but still serve old ones; to be ended by `close`. */
  readonly #draining = new Set<Http2Session>();
  readonly #sessionOf = new WeakMap<ClientHttp2Stream, Http2Session>();
  readonly #pace = new PingPace();
  #session: Http2Session | undefined;
  #dialing: Promise<void> | undefined;
  #state: ConnectionState = "idle";

  constructor(endpoint: Endpoint, options: ConnectNodeTransportOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
    // Only the path of this URL is used; the session knows where to go.
    const baseUrl = "http://etcd";
    this.#grpc = createGrpcTransport({
      baseUrl,
      readMaxBytes: options.maxReceiveBytes,
      writeMaxBytes: options.maxSendBytes,
      acceptCompression: [compressionGzip],
      ...(options.compression === "gzip" ? { sendCompression: compressionGzip } : {}),
      sessionManager: {
        authority: baseUrl,
        request: (_method, path, headers, settings) => {
          if (this.#session === undefined)
            return Promise.reject(unsent("there is no connection to the endpoint"));
          try {
            const fields = {
              ...headers,
              ":method": "POST",
              ":path": path,
              ":scheme": endpoint.tls ? "https" : "http",
            };
            const stream = this.#session.request(fields, settings, path !== healthWatch);
            this.#sessionOf.set(stream, this.#session);
            return Promise.resolve(stream);
          } catch (error) {
            return Promise.reject(error);
          }
        },
        notifyResponseByteRead: (stream) => this.#sessionOf.get(stream)?.keepalive.heard(),
      },
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  subscribe(listener: (event: TransportEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  connect(signal: AbortSignal): Promise<void> {
    if (this.#state === "closed") return Promise.reject(unsent("the transport is closed"));
    if (this.#state === "ready") return Promise.resolve();
    this.#dialing ??= this.#dial(signal).finally(() => {
      this.#dialing = undefined;
    });
    return this.#dialing;
  }

  close(): Promise<void> {
    this.#enter("closed", undefined);
    const reason = new Error("the connection was closed");
    this.#session?.destroy(reason);
    for (const session of this.#draining) session.destroy(reason);
    return Promise.resolve();
  }

  unary: EndpointTransport["unary"] = async (method, signal, timeoutMs, header, input, contextValues) => {
    // connect-node checks the size only after it has sent the headers; a request must not even begin then.
    refuseTooLarge(method.input, input, this.#options.maxSendBytes);
    const keepalive = this.#session?.keepalive;
    keepalive?.waiting(1);
    try {
      return await this.#grpc.unary(method, signal, timeoutMs, header, input, contextValues);
    } catch (error) {
      throw withDisposition(error);
    } finally {
      keepalive?.waiting(-1);
    }
  };

  stream: EndpointTransport["stream"] = async (method, signal, timeoutMs, header, input, contextValues) => {
    try {
      return await this.#grpc.stream(method, signal, timeoutMs, header, input, contextValues);
    } catch (error) {
      throw withDisposition(error);
    }
  };

  async #dial(signal: AbortSignal): Promise<void> {
    this.#enter("connecting", undefined);
    try {
      const socket = await dialEndpoint(this.#endpoint, this.#options, signal);
      const { clock, keepAlive } = this.#options;
      const owner = {
        onEnd: (reason: unknown): void => this.#onEnd(session, reason),
        onClose: (): void => void this.#draining.delete(session),
      };
      const setup = { endpoint: this.#endpoint, keepAlive, clock, pace: this.#pace, owner };
      const session: Http2Session = await Http2Session.open(socket, setup, signal);
      if (this.#isClosed()) {
        session.destroy(undefined);
        throw unsent("the transport is closed");
      }
      if (!session.open) throw new Error("the server closed the connection");
      this.#session = session;
      this.#enter("ready", undefined);
    } catch (reason) {
      const error = explainHandshake(reason);
      this.#enter("failed", error);
      throw error;
    }
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #onEnd(session: Http2Session, reason: unknown): void {
    if (session.busy) this.#draining.add(session);
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#enter("idle", reason);
  }

  #enter(state: ConnectionState, reason: unknown): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    for (const listener of this.#listeners) listener(reason === undefined ? { state } : { state, reason });
  }
}

// Of a reset either connect-node tells or Node itself, whichever comes first, each in its own words. An error that came
// from the server has metadata.
const refusedStream = /^(http\/2 s|S)tream closed with error code (NGHTTP2_)?REFUSED_STREAM/;

function withDisposition(error: unknown): unknown {
  if (
    error instanceof ConnectError &&
    !error.metadata.has("grpc-status") &&
    refusedStream.test(error.rawMessage)
  )
    Object.assign(error, { disposition: "refused" satisfies Disposition });
  return error;
}
