import type { Transport } from "@connectrpc/connect";

/**
 * State of the link to one endpoint.
 *
 * - `idle`: nothing was tried yet, or the link ended and nobody has asked for it since.
 * - `connecting`: a dial is under way.
 * - `ready`: requests can be sent.
 * - `failed`: the last dial failed.
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
 * gRPC to one endpoint: a Connect transport that also tells about its link. It dials when asked to; when and how often is
 * the balancer's business.
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
