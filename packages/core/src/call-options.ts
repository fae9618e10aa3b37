/** What every call takes besides its own arguments. */
export interface CallOptions {
  /** Ends the call; it rejects with `signal.reason`. `outcomeOf` tells what is known of a write. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The longest that the call may take, in milliseconds, waiting for a connection, log-in and retries included.
   * Defaults to the connection's `callTimeoutMs`; `Infinity` waits for ever.
   */
  readonly timeoutMs?: number | undefined;
  /** Refuse to be served by a member that knows no leader: `NO_LEADER` instead of a wait. Default `false`. */
  readonly requireLeader?: boolean | undefined;
  /**
   * Says that applying the call twice does no harm, so that it may be repeated after a failure that leaves its
   * outcome unknown. Reads are always repeatable. Default `false`.
   */
  readonly idempotent?: boolean | undefined;
  /** Further request metadata. Names that gRPC, etcd or HTTP/2 reserve are refused. */
  readonly headers?: Readonly<Record<string, string>> | Headers | undefined;
}
