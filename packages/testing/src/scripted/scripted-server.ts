import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttp1 } from "node:http";
import {
  createServer as createHttp2,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type Settings,
} from "node:http2";
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTls } from "node:tls";
import type { DescMessage } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { listen } from "../listen.js";
import { createMilestones, type Milestones } from "../milestones.js";
import { addDefaultAnswers, type ServerIdentity } from "./default-answers.js";
import { encodeStatusMessage } from "./grpc-frames.js";
import { type Incoming, readIncoming } from "./incoming.js";
import { createScriptBook, pathOf, type ScriptBook } from "./script-book.js";
import { createScriptedCall, type Method } from "./scripted-call.js";

/** What {@link startScriptedServer} takes: who the server says it is, and how it is spoken to. */
export interface ScriptedServerOptions extends Partial<ServerIdentity> {
  /** The server's certificate. `ca` set: clients need one of this authority. All PEM. Default: plaintext. */
  readonly tls?:
    | { readonly cert: string; readonly key: string; readonly ca?: string | undefined }
    | undefined;
  /** Listen on a unix socket in place of a TCP port. Default `false`. */
  readonly unix?: boolean | undefined;
  /** `http/1.1`: a web server that has never heard of gRPC. Default `h2`. */
  readonly protocol?: "h2" | "http/1.1" | undefined;
  /** HTTP/2 settings that the server announces, such as `maxConcurrentStreams`. */
  readonly settings?: Settings | undefined;
}

/** A call that came in. */
export interface RecordedCall {
  /** For example `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly authority: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The messages that have come so far, as bytes: `fromBinary` of protobuf-es reads them. */
  readonly messages: readonly Uint8Array[];
  /** Monotonic, from `performance.now()`. */
  readonly atMs: number;
  /** Which of the server's connections it came over, counted from 1. */
  readonly connection: number;
}

/** A gRPC server on this machine that answers as it is told. */
export interface ScriptedServer extends Pick<ScriptBook, "on" | "once" | "onEvery">, AsyncDisposable {
  readonly endpoint: string;
  /** Every call so far, in their order. */
  readonly calls: readonly RecordedCall[];
  /** The calls of one method. */
  callsOf(method: Method<DescMessage, DescMessage>): readonly RecordedCall[];
  /** Resolves when so many calls have come in, of one method if given; rejects when the server closes before that. */
  called(count: number, method?: Method<DescMessage, DescMessage>): Promise<void>;
  /** How many connections are open. */
  connections(): number;
  /** Resolves when so many connections were accepted since the start. */
  connected(count: number): Promise<void>;
  /**
   * Looks at new connections before anything is read from them. What it answers `keep` for is its own to use or to
   * close; `serve` goes the normal way. `undefined` ends it.
   */
  onConnection(handler: ((socket: Socket) => "keep" | "serve") | undefined): void;
  /** Stops listening and drops every connection. Scripts and records stay. */
  stop(): Promise<void>;
  /** Listens again at the same place. */
  start(): Promise<void>;
  /** Stops for good. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a gRPC server that offers every service of etcd and, until told otherwise, answers like one that holds nothing
 * and agrees to everything: log-in gives `token-1`, `token-2`, ...; a granted lease gets the time that was asked for.
 *
 * @param options - `version` (default `3.7.1`), `clusterId` (1n), `memberId` (1n) and `revision` (1n) go into answers.
 */
export async function startScriptedServer(options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
  const { tls, unix = false, protocol = "h2", settings = {} } = options;
  const directory = unix ? await mkdtemp(join(tmpdir(), "etcdkit-")) : undefined;
  const sockets = new Map<Socket, number>();
  const book = createScriptBook();
  const calls: RecordedCall[] = [];
  const callCounts = new Map<string, Milestones>();
  const allCalls = createMilestones("count");
  const accepted = createMilestones("count");
  let onConnection: ((socket: Socket) => "keep" | "serve") | undefined;
  let listener: Promise<Server> | undefined;
  let closing: Promise<void> | undefined;

  const countsOf = (path: string): Milestones => {
    const counts = callCounts.get(path) ?? createMilestones("count");
    callCounts.set(path, counts);
    return counts;
  };

  const http2 = createHttp2({ settings });
  const http1 = createHttp1((_request, response) => void response.writeHead(404).end("not found\n"));
  http2.on("sessionError", () => undefined); // a client that leaves or errs is nothing to crash for

  function serve(socket: Socket, raw: Socket): void {
    if (protocol === "http/1.1") {
      http1.emit("connection", socket);
      return;
    }
    http2.once("session", (session) => {
      session.on("error", () => undefined);
      session.on("stream", (stream, headers) => void answer(stream, headers, raw));
    });
    http2.emit("connection", socket); // creates the session before it returns
  }

  /** A TLS server for each connection, so that it is known which of them a decrypted stream belongs to. */
  function decrypt(raw: Socket, { cert, key, ca }: NonNullable<typeof tls>): void {
    const clients = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
    const server = createTls({ cert, key, ...clients, ALPNProtocols: [protocol] }, (socket) =>
      serve(socket, raw),
    );
    server.on("tlsClientError", () => undefined);
    server.emit("connection", raw);
  }

  function accept(socket: Socket): void {
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
    accepted.add(1);
    sockets.set(socket, accepted.count);
    if (onConnection?.(socket) === "keep") return;
    if (tls === undefined) serve(socket, socket);
    else decrypt(socket, tls);
  }

  async function answer(
    stream: ServerHttp2Stream,
    fields: IncomingHttpHeaders,
    socket: Socket,
  ): Promise<void> {
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(fields)) headers[name] = String(value);
    const path = headers[":path"] ?? "";
    const incoming = readIncoming(stream);
    record(path, headers, incoming, socket);
    const page = book.take(path);
    if (page === undefined) {
      const message = encodeStatusMessage(`unknown method ${path}`);
      stream.respond(
        {
          ":status": 200,
          "content-type": "application/grpc",
          "grpc-status": `${Code.Unimplemented}`,
          "grpc-message": message,
        },
        { endStream: true },
      );
      return;
    }
    const gone = new AbortController();
    stream.once("close", () => gone.abort());
    for await (const first of incoming.messages()) {
      const call = createScriptedCall(
        { method: page.method, path, headers, stream, socket, incoming, signal: gone.signal },
        first,
      );
      try {
        const message = await page.script(call);
        if (message !== undefined && !stream.destroyed) {
          call.send(message);
          call.end();
        }
      } catch (error) {
        // A mistake in the script: shown to the test through the client.
        if (!stream.destroyed) call.fail(Code.Internal, `the script for ${path} failed: ${error}`);
      }
      return;
    }
  }

  function record(
    path: string,
    headers: Readonly<Record<string, string>>,
    incoming: Incoming,
    socket: Socket,
  ): void {
    const connection = sockets.get(socket) ?? 0;
    const authority = headers[":authority"] ?? headers["host"] ?? "";
    calls.push({
      path,
      authority,
      headers,
      messages: incoming.received,
      atMs: performance.now(),
      connection,
    });
    countsOf(path).add(1);
    allCalls.add(1);
  }

  const place =
    directory === undefined ? { host: "127.0.0.1", port: 0 } : { path: join(directory, "socket") };

  async function start(): Promise<void> {
    if (closing !== undefined) throw new Error("the server is closed");
    listener ??= listen(place, () => createTcp(accept));
    const { port } = ((await listener).address() ?? {}) as Partial<AddressInfo>;
    if ("port" in place && port !== undefined) place.port = port;
  }

  async function stop(): Promise<void> {
    const open = listener;
    listener = undefined;
    (await open)?.close();
    for (const socket of sockets.keys()) socket.destroy();
  }

  async function end(): Promise<void> {
    await stop();
    const reason = new Error("the scripted server was closed");
    for (const counts of [allCalls, accepted, ...callCounts.values()]) counts.end(reason);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }

  function close(): Promise<void> {
    closing ??= end();
    return closing;
  }

  await start();
  const endpoint =
    "path" in place
      ? `${tls === undefined ? "unix" : "unixs"}://${place.path}`
      : `${tls === undefined ? "http" : "https"}://127.0.0.1:${place.port}`;
  const { version = "3.7.1", clusterId = 1n, memberId = 1n, revision = 1n } = options;
  addDefaultAnswers(book.on, { version, clusterId, memberId, revision }, endpoint);

  return {
    endpoint,
    get calls() {
      return [...calls];
    },
    callsOf: (method) => calls.filter((call) => call.path === pathOf(method)),
    called: (count, method) => (method === undefined ? allCalls : countsOf(pathOf(method))).reached(count),
    connections: () => sockets.size,
    connected: (count) => accepted.reached(count),
    onConnection(handler) {
      onConnection = handler;
    },
    on: book.on,
    once: book.once,
    onEvery: book.onEvery,
    stop,
    start,
    close,
    [Symbol.asyncDispose]: close,
  };
}
