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
  /** What the link has become. */
  readonly state: ConnectionState;
  /** Why the link left `ready` or never got there. */
  readonly reason?: unknown;
}

/** How a dial is waited for. */
export interface ConnectionWait {
  /** Whether the dial is upkeep, which does not keep the process alive. Default `false`. */
  readonly background?: boolean | undefined;
}

/**
 * gRPC to one endpoint: a Connect transport that also tells about its link. It dials when asked to; when and how often is
 * the business of whoever balances.
 */
export interface EndpointTransport extends Transport {
  /** How the link is now. */
  readonly state: ConnectionState;
  /**
   * Dials unless the link is up already, once for all that ask at the same time: the first one's signal counts. Rejects
   * with a `TransportError` (`unsent`) when the dial fails, with `signal.reason` when it is aborted. It has no time limit
   * of its own.
   */
  connect(signal: AbortSignal, options?: ConnectionWait): Promise<void>;
  /** Ends the link and every request on it. Idempotent. */
  close(): Promise<void>;
  /** Calls `listener` at each change of {@link EndpointTransport.state}; the result unsubscribes. */
  subscribe(listener: (event: TransportEvent) => void): () => void;
}
