import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, ListenOptions, Server, Socket } from "node:net";

/** Something that listens on loopback until it is disposed. */
export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** The sockets that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many sockets were ever opened. */
  readonly accepted: number;
}

/** Listens and keeps track of sockets; they do not keep the process alive, so that a client's can be told from them. */
export async function listen(
  server: Server,
  options: ListenOptions = { host: "127.0.0.1", port: 0 },
): Promise<Listener> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on("connection", (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.unref();
    socket.on("error", () => undefined); // clients of these tests break things
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(options);
  await once(server, "listening");
  server.unref();
  const address = server.address();
  return {
    port: typeof address === "object" ? ((address as AddressInfo | null)?.port ?? 0) : 0,
    sockets,
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** An HTTP/2 server that answers as a test says. */
export interface TestServer extends Listener {
  /** The requests, as they came. */
  readonly requests: readonly IncomingHttpHeaders[];
  /** The sessions, as they came. */
  readonly sessions: readonly ServerHttp2Session[];
  /** How many requests are open. */
  readonly open: number;
  /** Resolves once `met` holds; it is looked at whenever a request, session, ping or end of one comes. */
  until(met: (server: TestServer) => boolean): Promise<void>;
  readonly pings: number;
}

export type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => unknown;

/** Starts an HTTP/2 server, with TLS where `tls` is given. */
export async function startHttp2Server(
  onStream: OnStream,
  options: {
    readonly tls?: SecureServerOptions | undefined;
    readonly listen?: ListenOptions | undefined;
    /** How many requests may be open at once. */
    readonly maxConcurrentStreams?: number | undefined;
  } = {},
): Promise<TestServer> {
  const { maxConcurrentStreams, tls } = options;
  const common = {
    maxSessionMemory: 1_000, // megabytes: a limit of Node's own must not be in the way
    settings: maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams },
  };
  const http2: Http2Server =
    tls === undefined ? createServer(common) : createSecureServer({ ...common, ...tls });
  const requests: IncomingHttpHeaders[] = [];
  const sessions: ServerHttp2Session[] = [];
  const waiters = new Set<() => void>();
  let open = 0;
  let pings = 0;
  const changed = (): void => {
    for (const waiter of waiters) waiter();
  };
  http2.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => undefined);
    session.on("ping", () => {
      pings++;
      changed();
    });
    changed();
  });
  http2.on("stream", (stream, headers) => {
    requests.push(headers);
    open++;
    stream.on("error", () => undefined);
    stream.on("close", () => {
      open--;
      changed();
    });
    onStream(stream, headers);
    changed();
  });
  http2.on("sessionError", () => undefined);
  const listener = await listen(http2, options.listen);
  const server: TestServer = {
    ...listener,
    get accepted() {
      return listener.accepted;
    },
    requests,
    sessions,
    get open() {
      return open;
    },
    get pings() {
      return pings;
    },
    until: (met) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!met(server)) return;
          waiters.delete(look);
          resolve();
        };
        waiters.add(look);
        look();
      }),
  };
  return server;
}

/** One message as gRPC frames it. */
export function frame(message: Uint8Array, compressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

/** Begins a gRPC answer: headers only. */
export function begin(stream: ServerHttp2Stream, headers: Readonly<Record<string, string>> = {}): void {
  stream.respond(
    { ":status": 200, "content-type": "application/grpc", ...headers },
    { waitForTrailers: true },
  );
}

/** Ends a gRPC answer with a status. */
export function finish(stream: ServerHttp2Stream, status = 0, text = ""): void {
  stream.on("wantTrailers", () => {
    stream.sendTrailers({ "grpc-status": String(status), ...(text === "" ? {} : { "grpc-message": text }) });
  });
  stream.end();
}

/** Answers a call with one message, empty unless given: every field at its default. */
export function reply(stream: ServerHttp2Stream, message: Uint8Array = new Uint8Array()): void {
  begin(stream);
  stream.write(frame(message));
  finish(stream);
}
