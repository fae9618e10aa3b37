import type { Transport } from "@connectrpc/connect";
import type { Clock } from "../connection/clock.js";
import { BoundedCall } from "./bounded-call.js";
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
