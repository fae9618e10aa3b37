import type { Transport } from "@connectrpc/connect";
import { refuseTooLarge } from "./request-size.js";

/**
 * State of the link to one endpoint.
 *
 * - `idle`: nothing was tried yet, or the link ended and nobody has asked for it since.
 * - `connecting`: a dial is under way.
 * - `ready`: requests can be sent.
 * - `failed`: the last dial failed; it is tried again after a pause.
 * - `closed`: for good.
 */
export type ConnectionState = "idle" | "connecting" | "ready" | "failed" | "closed";

/** Something that happened to the link of one endpoint. */
export interface TransportEvent {
  readonly state: ConnectionState;
  /** Why the link left `ready` or never got there. */
  readonly reason?: unknown;
}

/**
 * gRPC to one endpoint: a Connect transport that also tells about its link. It dials only when asked to, once per
 * {@link EndpointTransport.connect}; when and how often is the balancer's business.
 */
export interface EndpointTransport extends Transport {
  readonly state: ConnectionState;
  /** Dials unless the link is up already. Rejects with the reason when the dial fails or `signal` aborts it. */
  connect(signal: AbortSignal): Promise<void>;
  /** Ends the link and every request on it. Idempotent. */
  close(): Promise<void>;
  /** Calls `listener` at each change of {@link EndpointTransport.state}; the result unsubscribes. */
  subscribe(listener: (event: TransportEvent) => void): () => void;
}

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
