import type { Transport } from "@connectrpc/connect";
import type { Clock, ConnectionState, EndpointTransport } from "@etcdkit/transport";
import { BoundedCall } from "./bounded-call.js";
import { refuseTooLarge } from "./request-size.js";

/** Tells a transport that knows its link from a plain Connect transport. */
export function isEndpointTransport(transport: Transport): transport is EndpointTransport {
  return "connect" in transport && "subscribe" in transport && "state" in transport;
}

/**
 * Lets a plain Connect transport (in-memory, connect-node's own, a grpc-js adapter) stand where a link is expected. It
 * counts as always ready, since such a transport dials by itself. Time, abort and close end its calls whether it heeds
 * them or not, and it gets metadata of its own, which it may change.
 */
export function adoptTransport(
  transport: Transport,
  { clock, maxSendBytes }: { readonly clock: Clock; readonly maxSendBytes: number },
): EndpointTransport {
  let state: ConnectionState = "ready";
  const closing = new AbortController();
  const bounded = (signal: AbortSignal | undefined, timeoutMs: number | undefined): BoundedCall =>
    new BoundedCall(clock, timeoutMs, signal, closing.signal);
  return {
    get state() {
      return state;
    },
    unary: async (method, signal, timeoutMs, header, input, context) => {
      refuseTooLarge(method.input, input, maxSendBytes);
      const call = bounded(signal, timeoutMs);
      try {
        const metadata = new Headers(header);
        return await call.race(transport.unary(method, call.signal, timeoutMs, metadata, input, context));
      } finally {
        call.release();
      }
    },
    stream: async (method, signal, timeoutMs, header, input, context) => {
      const call = bounded(signal, timeoutMs);
      try {
        const metadata = new Headers(header);
        const answer = await call.race(
          transport.stream(method, call.signal, timeoutMs, metadata, input, context),
        );
        return { ...answer, message: call.messages(answer.message) };
      } catch (error) {
        call.release();
        throw error;
      }
    },
    connect: () => Promise.resolve(),
    close: () => {
      state = "closed";
      closing.abort();
      return Promise.resolve();
    },
    subscribe: () => () => undefined,
  };
}
