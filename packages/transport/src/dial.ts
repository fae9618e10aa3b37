import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type SecureContextOptions, type TLSSocket } from "node:tls";
import { Code } from "@connectrpc/connect";
import { dialFailure, settingsFailure } from "./handshake-failure.js";
import { connectToHost } from "./happy-eyeballs.js";
import { TransportError } from "./transport-error.js";

/** Where a server listens and by what name it is known. */
export interface Address {
  /** What is dialled: a host (name or address) and port, or the path of a unix socket. */
  readonly target: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Whether the link is encrypted. */
  readonly tls: boolean;
  /** What the server is told in `:authority`: host and port, as a rule. */
  readonly authority: string;
  /** The name that the server's certificate must carry, unless the TLS settings name another. */
  readonly serverName: string;
}

/** TLS settings of one connection, with PEM or what else `tls.connect` of Node takes. TLS 1.2 is the least. */
export interface TlsSettings extends Pick<SecureContextOptions, "ca" | "cert" | "key"> {
  /** Name that the certificate must carry, instead of the address's. */
  readonly serverName?: string | undefined;
  /** Accept any certificate: whoever can reach the network can then read and change everything. Default `false`. */
  readonly insecureSkipVerify?: boolean | undefined;
}

/** How sockets are opened. */
export interface DialOptions {
  /**
   * Asked at each dial, so that changed certificates count for the next connection. When it fails, so does the dial, as
   * `tls`. Default: the system's authorities.
   */
  readonly tls?: (() => Promise<TlsSettings>) | undefined;
  /** Opens the socket below TLS, for proxies and tunnels. Default: TCP with happy eyeballs (RFC 8305) over the host's addresses, or a unix socket. */
  readonly dial?: ((address: Address, signal: AbortSignal) => Promise<Duplex>) | undefined;
}

/**
 * Opens a socket, TLS included where the address asks for it. Rejects with `signal.reason` on abort, with a
 * `TransportError` for what TLS refused, else with what the network said.
 */
export async function dial(address: Address, options: DialOptions, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  // Before there is a socket: while it waited for files, nobody would hear its errors.
  const tls = address.tls ? await untilAbort(settingsFrom(options.tls), signal) : undefined;
  signal.throwIfAborted(); // it may have aborted once the settings were there, before they got here
  const raw = await untilAbort((options.dial ?? openSocket)(address, signal), signal, discard);
  // Only a function of the caller's gives anything else.
  if (!isSocket(raw)) throw new TypeError("dial: expected a function that resolves to a socket");
  if (tls === undefined) return raw;
  try {
    return await encrypt(raw, address, tls, signal);
  } catch (error) {
    raw.destroy();
    throw signal.aborted ? error : dialFailure(error);
  }
}

async function settingsFrom(source: DialOptions["tls"]): Promise<TlsSettings> {
  try {
    return (await source?.()) ?? {};
  } catch (error) {
    throw settingsFailure(error);
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

function isSocket(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return ["on", "write", "destroy"].every((name) => typeof Reflect.get(value, name) === "function");
}

function discard(socket: Duplex): void {
  socket.on("error", () => undefined); // what a socket that came too late has to say interests nobody
  socket.destroy();
}

function openSocket({ target }: Address, signal: AbortSignal): Promise<Socket> {
  if (!("path" in target)) return connectToHost(target.host, target.port, signal);
  const socket = connectTcp({ path: target.path });
  // Whoever waits keeps the process alive, not the attempt to connect.
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
