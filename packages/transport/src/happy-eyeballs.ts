import dns, { type LookupAddress } from "node:dns";
import { connect, isIP, type Socket } from "node:net";

// So long an attempt is alone before the next address gets its chance (RFC 8305, 5).
const attemptDelayMs = 250;

/**
 * Opens a TCP connection to a host, by whichever of its addresses answers first (RFC 8305). Attempts that are slow go on
 * while others begin; Node's own way gives up all but the last after a quarter of a second, so that a distant server with
 * a dead second address is never reached.
 *
 * @throws What the network said: of several addresses an `AggregateError` with one error each. `signal.reason` on abort.
 */
export async function connectToHost(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const addresses = isIP(host) === 0 ? alternating(await lookUp(host)) : [host];
  signal.throwIfAborted();
  return await race(addresses, port, signal);
}

function lookUp(host: string): Promise<readonly LookupAddress[]> {
  return new Promise((resolve, reject) => {
    dns.lookup(host, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
}

/** The families take turns, that of the first address first (RFC 8305, 4): one of them may be dead as a whole. */
function alternating(addresses: readonly LookupAddress[]): readonly string[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const other = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const order: string[] = [];
  for (let index = 0; index < Math.max(first.length, other.length); index++) {
    for (const one of [first[index], other[index]]) if (one !== undefined) order.push(one.address);
  }
  return order;
}

function race(addresses: readonly string[], port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const attempts = new Set<Socket>();
    const errors: Error[] = [];
    let next = 0;
    let timer: NodeJS.Timeout | undefined;

    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      for (const socket of attempts) socket.destroy();
      attempts.clear(); // an error that is on its way already begins no other attempt
      finish();
    };
    const onAbort = (): void => settle(() => reject(signal.reason));
    const attempt = (): void => {
      clearTimeout(timer);
      const host = addresses[next++];
      if (host === undefined) return;
      const socket = connect({ host, port, noDelay: true });
      // Whoever waits keeps the process alive, not the attempt to connect.
      socket.unref();
      attempts.add(socket);
      socket.once("connect", () => {
        if (isConnectedToItself(socket)) return void refuse(socket, host, port);
        attempts.delete(socket);
        settle(() => resolve(socket));
      });
      // The listener of errors stays: none may go unheard, whoever looks after the socket next.
      socket.on("error", (error) => {
        if (!attempts.delete(socket)) return;
        errors.push(error);
        if (next < addresses.length) attempt();
        else if (attempts.size === 0) settle(() => reject(failureOf(errors)));
      });
      if (next < addresses.length) timer = setTimeout(attempt, attemptDelayMs).unref();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    attempt();
  });
}

/**
 * Whether nobody listens there, and the socket was given the very port that it dials for its own end, so that both ends are
 * one (simultaneous open, RFC 9293, 3.5). Only with servers on this machine, with a port of those that the system gives to
 * clients: whoever dials one that is down often enough meets himself some day, and keeps the server from its port.
 */
function isConnectedToItself(socket: Socket): boolean {
  const { localPort, localAddress, remotePort, remoteAddress } = socket;
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress;
}

/** Fails an attempt in the way in which it would have failed with any other port for its own end. */
function refuse(socket: Socket, host: string, port: number): void {
  const message = `connect ECONNREFUSED ${host}:${port} (it met itself)`;
  socket.destroy(Object.assign(new Error(message), { code: "ECONNREFUSED", syscall: "connect" }));
}

function failureOf(errors: readonly Error[]): Error {
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  const message = errors.map((error) => error.message).join("; ");
  return Object.assign(new AggregateError(errors, message), { code: (first as NodeJS.ErrnoException).code });
}
