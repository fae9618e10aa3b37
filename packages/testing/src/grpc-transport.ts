import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

/** What {@link openGrpcTransport} takes: whom to trust, and who one is. */
export interface GrpcTransportOptions {
  /** For an `https` or `unixs` endpoint, PEM. Without `ca`: the authorities that Node trusts. */
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
        readonly serverName?: string | undefined;
      }
    | undefined;
  /** Sent with every call as the `token` that etcd looks for. */
  readonly token?: string | undefined;
}

/** A connection to one server, without any of the care that `connect()` of `@etcdkit/core` takes. */
export interface GrpcTransport extends AsyncDisposable {
  readonly transport: Transport;
  /** Drops the connection; calls that are open fail. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a plain gRPC transport to one endpoint, for what a test does behind the client's back: set-up, looking at the
 * truth, and comparing with another implementation.
 *
 * @param endpoint - `http://`, `https://`, `unix:///path` or `unixs:///path`. Nothing is dialled before the first call.
 */
export function openGrpcTransport(endpoint: string, options: GrpcTransportOptions = {}): GrpcTransport {
  const { baseUrl, sessionOptions } = dialling(endpoint, options);
  const sessionManager = new Http2SessionManager(baseUrl, {}, sessionOptions);
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager,
    interceptors: options.token === undefined ? [] : [withToken(options.token)],
    readMaxBytes: 0x7fff_ffff,
    writeMaxBytes: 0x7fff_ffff,
    acceptCompression: [],
  });
  const close = async (): Promise<void> => sessionManager.abort();
  return { transport, close, [Symbol.asyncDispose]: close };
}

type SessionOptions = ConstructorParameters<typeof Http2SessionManager>[2];

function dialling(
  endpoint: string,
  { tls }: GrpcTransportOptions,
): { baseUrl: string; sessionOptions: SessionOptions } {
  const { protocol, host, hostname, pathname } = new URL(endpoint);
  const secure = { ...tls, ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }) };
  switch (protocol) {
    case "http:":
    case "https:":
      return { baseUrl: `${protocol}//${host}`, sessionOptions: protocol === "https:" ? secure : {} };
    case "unix:":
    case "unixs:": {
      if (hostname !== "")
        throw new TypeError(`endpoint: expected an absolute path as in unix:///path, got ${endpoint}`);
      const path = decodeURIComponent(pathname);
      return protocol === "unix:"
        ? { baseUrl: "http://localhost", sessionOptions: { createConnection: () => connectTcp(path) } }
        : {
            baseUrl: "https://localhost",
            sessionOptions: {
              createConnection: () =>
                connectTls({ servername: "localhost", ...secure, path, ALPNProtocols: ["h2"] }),
            },
          };
    }
    default:
      throw new TypeError(`endpoint: expected http, https, unix or unixs, got ${endpoint}`);
  }
}

function withToken(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("token", token);
    return next(request);
  };
}
