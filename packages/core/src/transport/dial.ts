import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Endpoint } from "../connection/endpoint.js";
import { type LoadedTls, loadTls, type TlsSource } from "../connection/tls-options.js";
import { EtcdError } from "../errors/etcd-error.js";

/** How sockets to endpoints are opened. */
export interface DialOptions {
  readonly tls?: TlsSource | undefined;
  /** Opens the socket below TLS. Default: TCP with happy eyeballs (RFC 8305) over the addresses of the host, or a unix socket. */
  readonly dial?: ((endpoint: Endpoint, signal: AbortSignal) => Promise<Duplex>) | undefined;
}

/** Opens a socket to an endpoint, TLS included where the endpoint asks for it. Rejects with `signal.reason` on abort. */
export async function dialEndpoint(
  endpoint: Endpoint,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Duplex> {
  signal.throwIfAborted();
  // Before there is a socket: while it waited for files, nobody would hear its errors.
  const tls = endpoint.tls ? await untilAbort(loadTls(options.tls), signal) : undefined;
  const raw = await untilAbort((options.dial ?? openSocket)(endpoint, signal), signal, discard);
  if (tls === undefined) return raw;
  try {
    return await encrypt(raw, endpoint, tls, signal);
  } catch (error) {
    raw.destroy();
    throw error;
  }
}

/** Waits no longer than the signal allows for functions of the caller's that may ignore it. */
function untilAbort<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  onLate: (value: T) => void = () => undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise
      .then((value) => {
        if (signal.aborted) onLate(value);
        else resolve(value);
      })
      .catch(reject)
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function discard(socket: Duplex): void {
  socket.on("error", () => undefined); // what a socket that came too late has to say interests nobody
  socket.destroy();
}

function openSocket({ target }: Endpoint, signal: AbortSignal): Promise<Socket> {
  const socket =
    "path" in target
      ? connectTcp({ path: target.path })
      : connectTcp({ host: target.host, port: target.port, noDelay: true, autoSelectFamily: true });
  // The call that waits keeps the process alive, not the attempt to connect.
  socket.unref();
  return untilEvent(socket, "connect", signal);
}

async function encrypt(
  raw: Duplex,
  endpoint: Endpoint,
  { serverName, insecureSkipVerify, ...secureContext }: LoadedTls,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const name = serverName ?? endpoint.serverName;
  const socket = connectTls({
    ...secureContext,
    socket: raw,
    host: name, // verified against the certificate
    ...(isIP(name) === 0 ? { servername: name } : {}), // RFC 6066, 3: no addresses in SNI
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    rejectUnauthorized: !insecureSkipVerify,
  });
  await untilEvent(socket, "secureConnect", signal);
  if (socket.alpnProtocol !== "h2") {
    socket.destroy();
    throw new EtcdError(
      "PROTOCOL",
      "the server does not speak HTTP/2 (it did not choose h2 in the TLS handshake)",
      {
        endpoint: endpoint.url,
      },
    );
  }
  return socket;
}

function untilEvent<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      socket.off(event, onEvent);
      socket.off("error", onError);
      socket.off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    const onEvent = (): void => settle(() => resolve(socket));
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(new Error("the server closed the connection")));
    const onAbort = (): void =>
      settle(() => {
        discard(socket);
        reject(signal.reason);
      });
    socket.on(event, onEvent);
    socket.on("error", onError);
    socket.on("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
