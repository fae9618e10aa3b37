import type { Transport } from "@connectrpc/connect";
import type { ConnectionState } from "@etcdkit/transport";
import type { CallOptions } from "../call-options.js";
import { ClusterConnection } from "./cluster-connection.js";
import { type ConnectOptions, resolveOptions } from "./connect-options.js";
import type { ConnectionEvent } from "./events.js";

/** A connection to an etcd cluster. The services (`createKv` and its siblings) are built on one. */
export interface Connection extends AsyncDisposable {
  /**
   * Balanced over the members, authenticated, bound by deadlines: `createClient(KV, connection.transport)` works with
   * every service of `@etcdkit/core/protocol`. Rejects with `EtcdError`, or with the reason of the caller's signal.
   */
  readonly transport: Transport;
  /** Aborts when the connection is closed. */
  readonly signal: AbortSignal;
  /**
   * Waits until an endpoint is connected, the log-in has succeeded and, with `rejectOldCluster`, every member's version
   * has been checked. No call needs it: calls wait by themselves. It makes start-up problems show early.
   *
   * A plain Connect transport (`ConnectOptions.transport`) does not tell whether it is connected and counts as always
   * ready. Over such transports nothing is waited for but log-in and version check: without them it resolves at once.
   *
   * @param call - How long to wait, by default `callTimeoutMs`, and what ends the wait.
   * @throws `EtcdError` `DEADLINE` when no endpoint answered in time; `TLS` or `PROTOCOL` as soon as every endpoint has
   * failed for good; `AUTH_FAILED`; `OLD_CLUSTER`; `CLOSED`.
   */
  ready(call?: Pick<CallOptions, "signal" | "timeoutMs">): Promise<void>;
  /**
   * A transport that is pinned to one member, for calls that speak about that member. The endpoint need not be one of
   * the connection's, but must be on its side of the line between TLS and plaintext. It logs in with the same token.
   * The link is kept until the connection closes, also when the member leaves the endpoints.
   *
   * @throws `TypeError` for an endpoint that cannot be used.
   */
  endpoint(url: string): Transport;
  /** The endpoints in use, in their canonical spelling. */
  endpoints(): readonly string[];
  /**
   * Replaces the endpoints. Links that stay are kept; those that left take no new calls and close with their last one.
   *
   * @throws `TypeError` for an empty list, an endpoint that cannot be used, or a mix of TLS and plaintext.
   */
  setEndpoints(endpoints: string | readonly string[]): void;
  /**
   * Asks the cluster for its members (linearizable) and uses the client URLs of those that have started and vote. URLs
   * across the line between TLS and plaintext are passed over.
   *
   * @throws `EtcdError` `NO_ENDPOINTS` when the list offers none that can be used; the endpoints then stay as they are.
   */
  sync(call?: CallOptions): Promise<void>;
  /** State of the link to each endpoint. */
  states(): ReadonlyMap<string, ConnectionState>;
  /** What happens to the connection from now on. A reader that falls behind by more than 256 events loses the oldest. */
  events(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterable<ConnectionEvent>;
  /**
   * Ends the connection and every call on it: they reject with `CLOSED`. Later calls do so at once. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Makes a connection. Returns at once and dials when the first call needs it.
 *
 * @throws `TypeError` or `RangeError` that names the option that cannot be used. No error for a cluster that cannot be
 * reached: calls wait for it until their deadline.
 */
export function connect(options: ConnectOptions): Connection {
  return new ClusterConnection(resolveOptions(options));
}
