/**
 * connect-node's gRPC transport over an HTTP/2 session of our own: the same options, states and errors as
 * `createHttp2Transport`, on `node:http2`. For those who want frames from Node itself, and to compare with.
 *
 * @packageDocumentation
 */
import type { ClientHttp2Stream } from "node:http2";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport, type GrpcTransportOptions } from "@connectrpc/connect-node";
import { codecOf } from "./codec.js";
import { requestFailure } from "./connect-node/request-failure.js";
import { Http2Session } from "./connect-node/session.js";
import { dial } from "./dial.js";
import type {
  ConnectionState,
  ConnectionWait,
  EndpointTransport,
  TransportEvent,
} from "./endpoint-transport.js";
import { RequestSource } from "./grpc/request-source.js";
import type { KeepalivePace } from "./keepalive.js";
import { Link } from "./link.js";
import { linkError, tooLarge } from "./transport-error.js";
import {
  type ResolvedTransportOptions,
  resolveTransportOptions,
  type TransportOptions,
} from "./transport-options.js";

export type { TransportOptions } from "./transport-options.js";

// Follows a server for as long as there is a link, which is upkeep and nothing that a program waits for.
const healthWatch = "/grpc.health.v1.Health/Watch";

// Only the path of this URL is used; the session knows where to go.
const baseUrl = "http://endpoint";

/**
 * gRPC to one endpoint by connect-node's transport, over an HTTP/2 session of our own: connect-node does not tell when
 * its session is up, nor whether a request left, and both are needed to balance and to repeat safely.
 *
 * It differs from `createHttp2Transport` in what Node does not tell: a request that waited for the server's limit of
 * streams, or for the socket, when the link broke counts as `unknown`.
 *
 * @throws `TypeError` or `RangeError` that names the option.
 */
export function createConnectNodeTransport(options: TransportOptions): EndpointTransport {
  return new ConnectNodeTransport(resolveTransportOptions(options));
}

class ConnectNodeTransport implements EndpointTransport {
  readonly #options: ResolvedTransportOptions;
  readonly #grpc: Transport;
  readonly #link: Link<Http2Session>;
  readonly #sessionOf = new WeakMap<ClientHttp2Stream, Http2Session>();
  readonly #pace: KeepalivePace = { slowness: 1 };

  constructor(options: ResolvedTransportOptions) {
    this.#options = options;
    this.#link = new Link(options.clock, (signal) => this.#dial(signal));
    this.#grpc = createGrpcTransport({
      baseUrl,
      readMaxBytes: options.maxReceiveBytes,
      writeMaxBytes: options.maxSendBytes,
      acceptCompression: [compressionGzip],
      ...(options.compression === "gzip" ? { sendCompression: compressionGzip } : {}),
      sessionManager: this.#sessions(),
    });
  }

  get state(): ConnectionState {
    return this.#link.state;
  }

  subscribe(listener: (event: TransportEvent) => void): () => void {
    return this.#link.subscribe(listener);
  }

  connect(signal: AbortSignal, wait?: ConnectionWait): Promise<void> {
    return this.#link.connect(signal, wait);
  }

  close(): Promise<void> {
    this.#link.close();
    return Promise.resolve();
  }

  unary: EndpointTransport["unary"] = async (method, signal, timeoutMs, header, input, contextValues) => {
    // connect-node checks the size only after it has sent the headers; a request must not even begin then.
    this.#refuseTooLarge(method.input, input);
    const keepalive = this.#link.connection?.keepalive;
    keepalive?.waiting(1);
    try {
      return await this.#grpc.unary(method, signal, finite(timeoutMs), header, input, contextValues);
    } catch (error) {
      throw requestFailure(error, signal);
    } finally {
      keepalive?.waiting(-1);
    }
  };

  stream: EndpointTransport["stream"] = async (method, signal, timeoutMs, header, input, contextValues) => {
    // connect-node does not end a call whose reader has left, and does not tell requests that their call has ended.
    const requests = new RequestSource(input);
    const reading = new AbortController();
    const onAbort = (): void => reading.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const leave = (): void => {
      signal?.removeEventListener("abort", onAbort);
      reading.abort();
      void requests.leave();
    };
    const source = viewOf(requests);
    const lifetimeMs = finite(timeoutMs);
    try {
      const answer = await this.#grpc.stream(
        method,
        reading.signal,
        lifetimeMs,
        header,
        source,
        contextValues,
      );
      return { ...answer, message: messagesOf(answer.message, signal, leave) };
    } catch (error) {
      leave();
      throw requestFailure(error, signal);
    }
  };

  #refuseTooLarge<I extends DescMessage>(desc: I, input: MessageInitShape<I>): void {
    const { maxSendBytes } = this.#options;
    const bytes = codecOf(desc, undefined).size(input);
    if (bytes > maxSendBytes) throw tooLarge(bytes, maxSendBytes, "unsent");
  }

  /** What connect-node gets its streams from. It never dials. */
  #sessions(): NonNullable<GrpcTransportOptions["sessionManager"]> {
    const { endpoint, userAgent } = this.#options;
    return {
      authority: baseUrl,
      request: async (_method, path, headers, settings) => {
        const session = this.#link.connection;
        if (session === undefined) {
          throw linkError(new Error("there is no connection to the endpoint"), "unsent");
        }
        const fields = {
          ...headers,
          ":method": "POST",
          ":path": path,
          ":scheme": endpoint.tls ? "https" : "http",
          ":authority": endpoint.authority,
          "user-agent": userAgent,
        };
        const stream = session.request(fields, settings, path !== healthWatch);
        this.#sessionOf.set(stream, session);
        return stream;
      },
      notifyResponseByteRead: (stream) => this.#sessionOf.get(stream)?.keepalive.heard(),
    };
  }

  async #dial(signal: AbortSignal): Promise<Http2Session> {
    const { endpoint, keepAlive, clock } = this.#options;
    const socket = await dial(endpoint, this.#options, signal);
    const setup = { tls: endpoint.tls, keepAlive, clock, pace: this.#pace, owner: this.#link };
    return await Http2Session.open(socket, setup, signal);
  }
}

/** What connect-node gets of requests: it ends what it reads by `throw`, which not every source has. */
function viewOf<T>(requests: RequestSource<T>): AsyncIterable<T> {
  const iterator: AsyncIterator<T> = {
    next: () => requests.next(),
    return: (value?: unknown) => {
      void requests.leave();
      return Promise.resolve({ done: true, value });
    },
    throw: (reason: unknown) => {
      void requests.leave();
      return Promise.reject(reason);
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** A deadline without end is none: no header could carry it. */
function finite(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === Number.POSITIVE_INFINITY ? undefined : timeoutMs;
}

/** The messages of an answer. `leave` is called when they have come to an end, or when their reader leaves. */
function messagesOf<M>(
  messages: AsyncIterable<M>,
  signal: AbortSignal | undefined,
  leave: () => void,
): AsyncGenerator<M, void, undefined> {
  let left = false;
  async function* read(): AsyncGenerator<M, void, undefined> {
    try {
      yield* messages;
    } catch (error) {
      if (!left) throw requestFailure(error, signal);
    } finally {
      leave();
    }
  }
  const reading = read();
  // That of a generator waits for a `next` under way, and before the first one it runs nothing of the body.
  const end = reading.return.bind(reading);
  reading.return = (value) => {
    left = true;
    leave();
    return end(value);
  };
  return reading;
}
