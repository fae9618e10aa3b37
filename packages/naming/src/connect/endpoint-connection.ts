import type { Transport } from "@connectrpc/connect";

/**
 * A Connect transport to one endpoint. Any will do; the transports of `@etcdkit/transport` have what is optional here, and
 * with it an endpoint that cannot be reached is noticed before a call is given to it.
 */
export interface EndpointConnection extends Transport {
  /** `"ready"` while calls can be sent without dialling first. */
  readonly state?: string | undefined;
  /**
   * Dials, unless the link is up. Rejects when that fails; no call was sent then. Without it the transport dials when it is
   * called.
   */
  connect?(signal: AbortSignal): Promise<void>;
  /** Ends the link. Called once the endpoint has left the directory and its last call has ended, or at the end of all. */
  close?(): Promise<void> | void;
}
