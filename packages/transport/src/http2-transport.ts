import type { Duplex } from "node:stream";
import { gzipSync } from "node:zlib";
import type {
  DescMessage,
  DescMethod,
  DescMethodStreaming,
  DescMethodUnary,
  MessageInitShape,
} from "@bufbuild/protobuf";
import type { ContextValues, StreamResponse, UnaryResponse } from "@connectrpc/connect";
import { type CodecChoice, codecOf, type MessageCodec } from "./codec.js";
import { Deadlines } from "./deadlines.js";
import { dial } from "./dial.js";
import type {
  ConnectionState,
  ConnectionWait,
  EndpointTransport,
  TransportEvent,
} from "./endpoint-transport.js";
import { prefixBytes } from "./grpc/message-reader.js";
import { type HeaderInput, RequestHeaders } from "./grpc/request-headers.js";
import { RequestSource } from "./grpc/request-source.js";
import { StreamingCall } from "./grpc/streaming-call.js";
import { UnaryCall } from "./grpc/unary-call.js";
import { Http2Connection } from "./http2/connection.js";
import type { Stream, StreamHandler, StreamTraits } from "./http2/stream.js";
import type { KeepalivePace } from "./keepalive.js";
import { Link } from "./link.js";
import { type Queued, RequestQueue } from "./request-queue.js";
import { linkError, tooLarge } from "./transport-error.js";
import {
  type ResolvedTransportOptions,
  resolveTransportOptions,
  type TransportOptions,
} from "./transport-options.js";

const unaryTraits: StreamTraits = { returnsAtOnce: true, background: false };
const streamTraits: StreamTraits = { returnsAtOnce: false, background: false };
const upkeepTraits: StreamTraits = { returnsAtOnce: false, background: true };

/** Follows a server's health for as long as there is a link: nothing that a program waits for. */
function isUpkeep(method: DescMethod): boolean {
  return method.parent.typeName === "grpc.health.v1.Health" && method.name === "Watch";
}

/** How gRPC to one endpoint behaves: {@link TransportOptions}, and which codecs are used. */
export interface Http2TransportOptions extends TransportOptions {
  /** Codecs that are faster than protobuf-es by reflection. Default: protobuf-es for every message. */
  readonly codec?: CodecChoice | undefined;
}

/**
 * gRPC over HTTP/2 to one endpoint, written straight onto a socket. It knows of every request that fails whether the
 * server can have seen it.
 *
 * Nothing is dialled before `connect` asks for it. A call while there is no connection rejects as `unsent`; one beyond
 * the server's limit of streams waits for its turn.
 *
 * @throws `TypeError` or `RangeError` that names the option.
 */
export function createHttp2Transport(options: Http2TransportOptions): EndpointTransport {
  return new Http2Transport(options);
}

class Http2Transport implements EndpointTransport {
  readonly #options: ResolvedTransportOptions;
  readonly #chooseCodec: CodecChoice | undefined;
  readonly #headers: RequestHeaders;
  readonly #deadlines: Deadlines;
  readonly #link: Link<Http2Connection>;
  readonly #codecs = new Map<DescMessage, MessageCodec>();
  /** How hard the server finds our pings; see {@link KeepalivePace}. */
  readonly #pace: KeepalivePace = { slowness: 1 };
  readonly #queue: RequestQueue;

  constructor(options: Http2TransportOptions) {
    this.#options = resolveTransportOptions(options);
    const { endpoint, userAgent, compression, clock } = this.#options;
    if (options.codec !== undefined && typeof options.codec !== "function") {
      throw new TypeError("codec: expected a function");
    }
    this.#chooseCodec = options.codec;
    this.#link = new Link(clock, (signal) => this.#dial(signal));
    this.#deadlines = new Deadlines(clock);
    this.#queue = new RequestQueue(clock);
    this.#headers = new RequestHeaders({
      scheme: endpoint.tls ? "https" : "http",
      authority: endpoint.authority,
      userAgent,
      compression,
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
      if (size > this.#options.maxSendBytes) throw tooLarge(size, this.#options.maxSendBytes, "unsent");
    } catch (error) {
      return Promise.reject(error);
    }
    const call = new UnaryCall(method, this.#codec(method.output), this.#options.maxReceiveBytes);
    const lifetimeMs = positive(timeoutMs);
    call.limit(signal, lifetimeMs, this.#deadlines);
    const connection = this.#link.connection;
    if (connection?.open && !connection.full && this.#queue.empty) {
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
        answer: call.promise,
        background: false,
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
    let requests: RequestSource<MessageInitShape<I>>;
    try {
      requests = new RequestSource(input);
    } catch (error) {
      return Promise.reject(error);
    }
    const traits = isUpkeep(method) ? upkeepTraits : streamTraits;
    const call = new StreamingCall(
      method,
      this.#codec(method.output),
      this.#options.maxReceiveBytes,
      () => void requests.leave(),
    );
    const lifetimeMs = positive(timeoutMs);
    call.limit(signal, lifetimeMs, this.#deadlines);
    const response = call.response();
    this.#enqueue({
      start: (connection) => {
        const stream = this.#open(connection, call, method, lifetimeMs, header, traits);
        call.begin(connection, stream);
        void this.#sendAll(connection, stream, method, requests, call);
      },
      settled: () => call.settled,
      fail: (reason) => call.fail(reason),
      answer: response,
      background: traits.background,
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
    if (this.#options.compression === undefined && connection.data.fits(stream, bytes)) {
      const { buffer, position } = connection.data.reserve(bytes);
      writePrefix(buffer, position, 0, size);
      codec.write(input, buffer, position + prefixBytes);
      connection.data.commit(stream, bytes, true);
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
        if (size > this.#options.maxSendBytes)
          throw tooLarge(size, this.#options.maxSendBytes, single ? "unsent" : "unknown");
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
    const { connection } = this.#link;
    if (connection?.open === true) this.#queue.add(queued, connection);
    else queued.fail(linkError(new Error("there is no connection to the endpoint"), "unsent"));
  }

  async #dial(signal: AbortSignal): Promise<Http2Connection> {
    return await this.#greet(await dial(this.#options.endpoint, this.#options, signal), signal);
  }

  /**
   * Waits for the server's first settings: only then it has agreed to talk (RFC 9113, 3.4). With TLS 1.3 a server
   * refuses the client's certificate only after the handshake has succeeded on this side.
   */
  #greet(socket: Duplex, signal: AbortSignal): Promise<Http2Connection> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => connection.close(signal.reason);
      const done = (): void => signal.removeEventListener("abort", onAbort);
      const { keepAlive, clock } = this.#options;
      const connection = new Http2Connection(
        socket,
        { keepAlive, pace: this.#pace, clock },
        {
          onReady: () => {
            done();
            resolve(connection);
          },
          onDraining: (reason) => {
            this.#failQueue(connection, reason);
            this.#link.drains(connection, reason);
          },
          onRoom: () => {
            if (this.#queue.empty) return;
            const { connection: current } = this.#link;
            if (current !== undefined) this.#queue.serve(current);
          },
          onClosed: (reason) => {
            done();
            reject(reason);
            this.#failQueue(connection, reason);
            this.#link.ended(connection, reason);
          },
        },
      );
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
  }

  /** What waits for a connection that is lost never left. */
  #failQueue(connection: Http2Connection, reason: Error): void {
    if (this.#link.connection === connection && !this.#queue.empty)
      this.#queue.fail(linkError(reason, "unsent"));
  }

  #codec(desc: DescMessage): MessageCodec {
    let codec = this.#codecs.get(desc);
    if (codec === undefined) {
      codec = codecOf(desc, this.#chooseCodec);
      this.#codecs.set(desc, codec);
    }
    return codec;
  }
}

function writePrefix(target: Buffer, position: number, flag: number, length: number): void {
  target[position] = flag;
  target.writeUInt32BE(length, position + 1);
}

/** A time that is not positive stands for no deadline, as Connect's clients mean it, and so does one without end. */
function positive(timeoutMs: number | undefined): number | undefined {
  const isDeadline = timeoutMs !== undefined && timeoutMs > 0 && timeoutMs < Number.POSITIVE_INFINITY;
  return isDeadline ? timeoutMs : undefined;
}
