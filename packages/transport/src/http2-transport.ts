import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";
import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
} from "@bufbuild/protobuf";
import { Code, type ContextValues, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import { type Clock, systemClock } from "./clock.js";
import { type CodecChoice, codecOf, type MessageCodec } from "./codec.js";
import { Deadlines } from "./deadlines.js";
import { type Address, type DialOptions, dial } from "./dial.js";
import type { Disposition } from "./disposition.js";
import type { ConnectionState, EndpointTransport, TransportEvent } from "./endpoint-transport.js";
import { type HeaderInput, RequestHeaders } from "./grpc/request-headers.js";
import { RequestSource } from "./grpc/request-source.js";
import { StreamingCall } from "./grpc/streaming-call.js";
import { UnaryCall } from "./grpc/unary-call.js";
import { explainHandshake } from "./handshake-failure.js";
import { Http2Connection } from "./http2/connection.js";
import type { Stream, StreamHandler, StreamTraits } from "./http2/stream.js";
import type { KeepalivePace, KeepaliveTimes } from "./keepalive.js";
import { linkError, TransportError } from "./transport-error.js";

const prefixBytes = 5;

const unaryTraits: StreamTraits = { returnsAtOnce: true, background: false };
const streamTraits: StreamTraits = { returnsAtOnce: false, background: false };
const upkeepTraits: StreamTraits = { returnsAtOnce: false, background: true };

/** Follows a server's health for as long as there is a link: nothing that a program waits for. */
function isUpkeep(method: DescMethod): boolean {
  return method.parent.typeName === "grpc.health.v1.Health" && method.name === "Watch";
}
const shortQueue = 64;

/** How gRPC to one endpoint behaves. */
export interface Http2TransportOptions extends DialOptions {
  readonly endpoint: Address;
  /** When a silent link counts as dead; `false` never pings. Default: 10 s of silence, then 5 s for the answer. */
  readonly keepAlive?: KeepaliveTimes | false | undefined;
  /** Largest request, in bytes. Default 2^31-1. */
  readonly maxSendBytes?: number | undefined;
  /** Largest message of an answer, in bytes. Default 2^31-1. */
  readonly maxReceiveBytes?: number | undefined;
  /** Compresses requests. Answers may be compressed in any case. */
  readonly compression?: "gzip" | undefined;
  /** Codecs that are faster than protobuf-es by reflection. */
  readonly codec?: CodecChoice | undefined;
  readonly userAgent?: string | undefined;
  readonly clock?: Clock | undefined;
}

/** A request that waits because the server's limit of streams is reached. */
interface Queued {
  readonly start: (connection: Http2Connection) => void;
  readonly settled: () => boolean;
  readonly fail: (reason: unknown) => void;
}

/**
 * gRPC over HTTP/2 to one endpoint, written straight onto a socket. It knows of every request that fails whether the
 * server can have seen it.
 */
export function createHttp2Transport(options: Http2TransportOptions): EndpointTransport {
  return new Http2Transport(options);
}

class Http2Transport implements EndpointTransport {
  readonly #options: Http2TransportOptions;
  readonly #clock: Clock;
  readonly #maxSendBytes: number;
  readonly #maxReceiveBytes: number;
  readonly #headers: RequestHeaders;
  readonly #deadlines: Deadlines;
  readonly #listeners = new Set<(event: TransportEvent) => void>();
  /** Connections that take no new requests but still serve old ones. */
  readonly #draining = new Set<Http2Connection>();
  readonly #codecs = new Map<DescMessage, MessageCodec>();
  /** How hard the server finds our pings; see {@link KeepalivePace}. */
  readonly #pace: KeepalivePace = { slowness: 1 };
  #queue: Queued[] = [];
  /** Length of the queue at which calls that are over are swept out of it. */
  #sweepAt = shortQueue;
  #abortDial: ((reason: unknown) => void) | undefined;
  #connection: Http2Connection | undefined;
  #dialing: Promise<void> | undefined;
  #state: ConnectionState = "idle";

  constructor(options: Http2TransportOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#maxSendBytes = options.maxSendBytes ?? 2 ** 31 - 1;
    this.#maxReceiveBytes = options.maxReceiveBytes ?? 2 ** 31 - 1;
    this.#deadlines = new Deadlines(this.#clock);
    this.#headers = new RequestHeaders({
      scheme: options.endpoint.tls ? "https" : "http",
      authority: options.endpoint.authority,
      userAgent: options.userAgent ?? "grpc-node-etcdkit",
      compression: options.compression,
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
    if (this.#state === "closed") return Promise.reject(closed());
    if (this.#state === "ready") return Promise.resolve();
    this.#dialing ??= this.#dial(signal).finally(() => {
      this.#dialing = undefined;
    });
    return this.#dialing;
  }

  close(): Promise<void> {
    this.#enter("closed", undefined);
    const reason = new Error("the transport was closed");
    this.#abortDial?.(closed());
    this.#connection?.close(reason);
    for (const connection of this.#draining) connection.close(reason);
    for (const queued of this.#queue.splice(0)) queued.fail(linkError(reason, "unsent"));
    this.#deadlines.stop();
    return Promise.resolve();
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: MessageInitShape<I>,
    _contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    const codec = this.#codec(method.input);
    let size: number;
    try {
      size = codec.size(input);
      if (size > this.#maxSendBytes) throw tooLarge(size, this.#maxSendBytes);
    } catch (error) {
      return Promise.reject(error);
    }
    const call = new UnaryCall(method, this.#codec(method.output), this.#maxReceiveBytes);
    const lifetimeMs = positive(timeoutMs);
    call.limit(signal, lifetimeMs, this.#deadlines);
    const connection = this.#connection;
    if (connection?.open && !connection.full && this.#queue.length === 0) {
      try {
        this.#startUnary(connection, call, method, lifetimeMs, header, input, size);
      } catch (error) {
        call.fail(error);
      }
    } else {
      this.#enqueue({
        start: (later) => this.#startUnary(later, call, method, lifetimeMs, header, input, codec.size(input)),
        settled: () => call.settled,
        fail: (reason) => call.fail(reason),
      });
    }
    return call.promise;
  }

  stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
    _contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    const call = new StreamingCall(method, this.#codec(method.output), this.#maxReceiveBytes);
    const lifetimeMs = positive(timeoutMs);
    call.limit(signal, lifetimeMs, this.#deadlines);
    const response = call.response();
    this.#enqueue({
      start: (connection) => {
        const requests = new RequestSource(input);
        const stream = this.#open(
          connection,
          call,
          method,
          lifetimeMs,
          header,
          isUpkeep(method) ? upkeepTraits : streamTraits,
        );
        call.begin(connection, stream, () => void requests.leave());
        void this.#sendAll(connection, stream, method, requests, call);
      },
      settled: () => call.settled,
      fail: (reason) => call.fail(reason),
    });
    return response;
  }

  #startUnary<I extends DescMessage, O extends DescMessage>(
    connection: Http2Connection,
    call: UnaryCall<I, O>,
    method: DescMethodUnary<I, O>,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    input: MessageInitShape<I>,
    size: number,
  ): void {
    if (call.settled) return;
    const codec = this.#codec(method.input);
    const stream = this.#open(connection, call, method, timeoutMs, header, unaryTraits);
    call.begin(connection, stream);
    const bytes = prefixBytes + size;
    if (this.#options.compression === undefined && connection.fits(stream, bytes)) {
      const { buffer, position } = connection.reserve(bytes);
      writePrefix(buffer, position, 0, size);
      codec.write(input, buffer, position + prefixBytes);
      connection.commit(stream, bytes, true);
    } else {
      connection.send(stream, this.#frame(codec, input, size), true);
    }
  }

  #open(
    connection: Http2Connection,
    handler: StreamHandler,
    method: DescMethod,
    timeoutMs: number | undefined,
    header: HeaderInput | undefined,
    traits: StreamTraits,
  ): Stream {
    return connection.request(handler, this.#headers.block(connection, method, timeoutMs, header), traits);
  }

  /** A message as it travels: prefix and content, in one piece. */
  #frame(codec: MessageCodec, input: MessageInitShape<DescMessage>, size: number): Buffer {
    const plain = Buffer.allocUnsafeSlow(prefixBytes + size);
    codec.write(input, plain, prefixBytes);
    if (this.#options.compression === undefined) {
      writePrefix(plain, 0, 0, size);
      return plain;
    }
    const packed = gzipSync(plain.subarray(prefixBytes));
    const framed = Buffer.allocUnsafeSlow(prefixBytes + packed.length);
    writePrefix(framed, 0, 1, packed.length);
    framed.set(packed, prefixBytes);
    return framed;
  }

  /** Sends the requests of a stream, each when flow control has let the one before it out. */
  async #sendAll<I extends DescMessage, O extends DescMessage>(
    connection: Http2Connection,
    stream: Stream,
    method: DescMethodStreaming<I, O>,
    requests: RequestSource<MessageInitShape<I>>,
    call: StreamingCall<I, O>,
  ): Promise<void> {
    const codec = this.#codec(method.input);
    // The one request of a server-streaming call ends the sending side with itself.
    const single = method.methodKind === "server_streaming";
    try {
      while (true) {
        const next = await requests.next();
        if (call.settled) return;
        if (next.done === true) break;
        const size = codec.size(next.value);
        if (size > this.#maxSendBytes)
          throw tooLarge(size, this.#maxSendBytes, single ? "unsent" : "unknown");
        const framed = this.#frame(codec, next.value, size);
        if (single) {
          connection.send(stream, framed, true);
          return;
        }
        await new Promise<void>((resolve) => connection.send(stream, framed, false, resolve));
      }
      connection.send(stream, new Uint8Array(0), true);
    } catch (error) {
      call.fail(error);
    }
  }

  #enqueue(queued: Queued): void {
    if (this.#connection?.open !== true) {
      queued.fail(linkError(new Error("there is no connection to the endpoint"), "unsent"));
      return;
    }
    if (this.#queue.length >= this.#sweepAt) {
      // Calls whose time is up must not pile up behind a limit that never rises.
      this.#queue = this.#queue.filter((waiting) => !waiting.settled());
      this.#sweepAt = Math.max(shortQueue, 2 * this.#queue.length);
    }
    this.#queue.push(queued);
    this.#serveQueue();
  }

  /** Starts what waits, as far as the server's limit of streams allows. */
  #serveQueue(): void {
    const connection = this.#connection;
    if (this.#queue.length === 0 || connection === undefined) return;
    while (connection.open && !connection.full) {
      const queued = this.#queue.shift();
      if (queued === undefined) return;
      if (queued.settled()) continue;
      try {
        queued.start(connection);
      } catch (error) {
        queued.fail(error);
      }
    }
  }

  async #dial(signal: AbortSignal): Promise<void> {
    this.#enter("connecting", undefined);
    const ending = new AbortController();
    const onAbort = (): void => ending.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#abortDial = (reason) => ending.abort(reason);
    try {
      const socket = await dial(this.#options.endpoint, this.#options, ending.signal);
      const connection = await this.#greet(socket, ending.signal);
      if (ending.signal.aborted) {
        connection.close(ending.signal.reason);
        throw ending.signal.reason;
      }
      // It may have come and gone in one breath.
      if (!connection.open) throw new Error("the server closed the connection");
      this.#connection = connection;
      this.#enter("ready", undefined);
    } catch (cause) {
      // With TLS 1.3 a server refuses the client's certificate only after the handshake has succeeded on this side.
      const error = explainHandshake(cause);
      this.#enter("failed", error);
      throw error;
    } finally {
      this.#abortDial = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Waits for the server's first settings: only then it has agreed to talk (RFC 9113, 3.4). */
  #greet(socket: Duplex, signal: AbortSignal): Promise<Http2Connection> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => connection.close(signal.reason);
      const done = (): void => signal.removeEventListener("abort", onAbort);
      const { keepAlive = { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false } } = this.#options;
      const connection = new Http2Connection(
        socket,
        { keepAlive, pace: this.#pace, clock: this.#clock },
        {
          onReady: () => {
            done();
            resolve(connection);
          },
          onDraining: (reason) => this.#onDraining(connection, reason),
          onRoom: () => this.#serveQueue(),
          onClosed: (reason) => {
            done();
            reject(reason);
            this.#onClosed(connection, reason);
          },
        },
      );
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  #onDraining(connection: Http2Connection, reason: Error): void {
    this.#draining.add(connection);
    this.#leave(connection, reason);
  }

  #onClosed(connection: Http2Connection, reason: Error): void {
    this.#draining.delete(connection);
    this.#leave(connection, reason);
  }

  #leave(connection: Http2Connection, reason: Error): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    for (const queued of this.#queue.splice(0)) queued.fail(linkError(reason, "unsent"));
    this.#enter("idle", reason);
  }

  #enter(state: ConnectionState, reason: unknown): void {
    if (this.#state === state || this.#state === "closed") return;
    this.#state = state;
    for (const listener of this.#listeners) listener(reason === undefined ? { state } : { state, reason });
  }

  #codec(desc: DescMessage): MessageCodec {
    let codec = this.#codecs.get(desc);
    if (codec === undefined) {
      codec = codecOf(desc, this.#options.codec);
      this.#codecs.set(desc, codec);
    }
    return codec;
  }
}

function writePrefix(target: Buffer, position: number, flag: number, length: number): void {
  target[position] = flag;
  target.writeUInt32BE(length, position + 1);
}

function closed(): TransportError {
  return new TransportError("link", "the transport is closed", Code.Unavailable, "unsent");
}

function tooLarge(bytes: number, most: number, disposition: Disposition = "unsent"): TransportError {
  const message = `the request has ${bytes} bytes, more than maxSendBytes (${most})`;
  return new TransportError("limit", message, Code.ResourceExhausted, disposition);
}

/** A time that is not positive stands for no deadline, as Connect's clients mean it. */
function positive(timeoutMs: number | undefined): number | undefined {
  return timeoutMs !== undefined && timeoutMs > 0 ? timeoutMs : undefined;
}
