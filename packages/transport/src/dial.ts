import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type SecureContextOptions, type TLSSocket } from "node:tls";
import { Code } from "@connectrpc/connect";
import { explainHandshake } from "./handshake-failure.js";
import { TransportError } from "./transport-error.js";

/** Where a server listens and by what name it is known. */
export interface Address {
  readonly target: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly tls: boolean;
  /** `:authority` of requests: host and port. */
  readonly authority: string;
  /** Name that the certificate must carry. */
  readonly serverName: string;
}

/** TLS settings of one connection. */
export interface TlsSettings extends Pick<SecureContextOptions, "ca" | "cert" | "key"> {
  /** Name that the certificate must carry, instead of the address's. */
  readonly serverName?: string | undefined;
  readonly insecureSkipVerify?: boolean | undefined;
}

/** How sockets are opened. */
export interface DialOptions {
  /** Asked at each dial, so that changed certificates count for the next connection. Default: the system's authorities. */
  readonly tls?: (() => Promise<TlsSettings>) | undefined;
  /** Opens the socket below TLS. Default: TCP with happy eyeballs (RFC 8305) over the host's addresses, or a unix socket. */
  readonly dial?: ((address: Address, signal: AbortSignal) => Promise<Duplex>) | undefined;
}

/** Opens a socket, TLS included where the address asks for it. Rejects with `signal.reason` on abort. */
export async function dial(address: Address, options: DialOptions, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  // Before there is a socket: while it waited for files, nobody would hear its errors.
  const tls = address.tls ? await untilAbort(options.tls?.() ?? Promise.resolve({}), signal) : undefined;
  const raw = await untilAbort((options.dial ?? openSocket)(address, signal), signal, discard);
  if (tls === undefined) return raw;
  try {
    return await encrypt(raw, address, tls, signal);
  } catch (error) {
    raw.destroy();
    throw explainHandshake(error);
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

function openSocket({ target }: Address, signal: AbortSignal): Promise<Socket> {
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
  address: Address,
  tls: TlsSettings,
  signal: AbortSignal,
): Promise<TLSSocket> {
  signal.throwIfAborted();
  const { serverName = address.serverName, insecureSkipVerify, ...secureContext } = tls;
  const socket = connectTls({
    ...secureContext,
    socket: raw,
    host: serverName, // verified against the certificate
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}), // RFC 6066, 3: no addresses in SNI
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    rejectUnauthorized: insecureSkipVerify !== true,
  });
  await untilEvent(socket, "secureConnect", signal);
  if (socket.alpnProtocol !== "h2") {
    socket.destroy();
    const message = "the server does not speak HTTP/2 (it did not choose h2 in the TLS handshake)";
    throw new TransportError("protocol", message, Code.Unavailable, "unsent");
  }
  return socket;
}

function untilEvent<S extends Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<S> {
  return new Promise((resolve, reject) => {
    // The listener of errors stays: none may go unheard, whoever looks after the socket next.
    const settle = (finish: () => void): void => {
      socket.off(event, onEvent);
      socket.off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      finish();
    };
    const onEvent = (): void => settle(() => resolve(socket));
    const onError = (error: Error): void => settle(() => reject(error));
    const onClose = (): void => settle(() => reject(new Error("the server closed the connection")));
    const onAbort = (): void =>
      settle(() => {
        socket.destroy();
        reject(signal.reason);
      });
    socket.on(event, onEvent);
    socket.on("error", onError);
    socket.on("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
