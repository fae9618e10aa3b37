import type { Transport } from "@connectrpc/connect";
import type { ConnectionState, EndpointTransport } from "@etcdkit/transport";
import { refuseTooLarge } from "./request-size.js";

/** Tells a transport that knows its link from a plain Connect transport. */
export function isEndpointTransport(transport: Transport): transport is EndpointTransport {
  return "connect" in transport && "subscribe" in transport && "state" in transport;
}

/**
 * Lets a plain Connect transport (in-memory, connect-node's own, a grpc-js adapter) stand where a link is expected. It
 * counts as always ready, since such a transport dials by itself.
 */
export function adoptTransport(transport: Transport, maxSendBytes: number): EndpointTransport {
  let state: ConnectionState = "ready";
  const closing = new AbortController();
  return {
    get state() {
      return state;
    },
    unary: async (method, signal, timeoutMs, header, input, context) => {
      refuseTooLarge(method.input, input, maxSendBytes);
      const linked = linkedAbort(signal, closing.signal);
      try {
        return await transport.unary(method, linked.signal, timeoutMs, header, input, context);
      } finally {
        linked.release();
      }
    },
    stream: async (method, signal, timeoutMs, header, input, context) => {
      const linked = linkedAbort(signal, closing.signal);
      try {
        const answer = await transport.stream(method, linked.signal, timeoutMs, header, input, context);
        return { ...answer, message: releasing(answer.message, linked.release) };
      } catch (error) {
        linked.release();
        throw error;
      }
    },
    connect: () => Promise.resolve(),
    close: () => {
      state = "closed";
      closing.abort(new Error("the connection was closed"));
      return Promise.resolve();
    },
    subscribe: () => () => undefined,
  };
}

/** A signal that aborts with either of two, and forgets both when it is released. */
function linkedAbort(
  own: AbortSignal | undefined,
  closing: AbortSignal,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const sources = own === undefined ? [closing] : [own, closing];
  const removals = sources.map((source) => {
    const onAbort = (): void => controller.abort(source.reason);
    source.addEventListener("abort", onAbort, { once: true });
    if (source.aborted) onAbort();
    return () => source.removeEventListener("abort", onAbort);
  });
  const release = (): void => {
    for (const remove of removals) remove();
  };
  // A stream that nobody reads to its end is released by its abort.
  controller.signal.addEventListener("abort", release, { once: true });
  return { signal: controller.signal, release };
}

async function* releasing<T>(
  messages: AsyncIterable<T>,
  release: () => void,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* messages;
  } finally {
    release();
  }
}
