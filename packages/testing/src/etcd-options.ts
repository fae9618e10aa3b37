import type { ClusterAuth } from "./cluster-auth.js";
import type { ClusterTls } from "./cluster-tls.js";
import type { Listening } from "./member-arguments.js";

/** What {@link startEtcd} takes. */
export interface EtcdOptions {
  /** The version to run, `3.6` or `3.6.14`. Default: the newest on this machine. */
  readonly version?: string | undefined;
  /** How many members, 1 to 9. Default 1. */
  readonly members?: number | undefined;
  /** TLS towards clients; `mutual` asks for their certificate. Default `false`. */
  readonly tls?: false | ClusterTls["mode"] | undefined;
  /** Authentication with this kind of tokens, switched on with the users of {@link ClusterAuth}. Default `false`. */
  readonly auth?: false | ClusterAuth["kind"] | undefined;
  /**
   * How long a token lives, in whole seconds; a `simple` one that long after its last use. Default 300. Needs `auth`.
   */
  readonly tokenTtlSeconds?: number | undefined;
  /** How clients reach the members. Default `ipv4`, on the loopback address as `ipv6`. */
  readonly listen?: Listening | undefined;
  /** Let the network between the members be cut: `partition()` and `heal()` of the cluster. Default `false`. */
  readonly partitionable?: boolean | undefined;
  /** Further arguments of the server program; they win over those given here. */
  readonly args?: readonly string[] | undefined;
  /** Further environment variables. Of this process's own, those that begin with `ETCD_` are kept from the servers. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Keep the data here, also afterwards; for one member only. Default: a temporary folder. */
  readonly dataDirectory?: string | undefined;
  /** Where the temporary folder is made, for one that is kept in memory. Default: where the system makes them. */
  readonly temporaryDirectory?: string | undefined;
  /** How long a member may take to serve, in milliseconds. Default 30_000. */
  readonly startTimeoutMs?: number | undefined;
  /**
   * `false` shows the servers' logs on stderr as well; they then run at the pace at which this process reads them.
   * Default `true`.
   */
  readonly quiet?: boolean | undefined;
}

/** @throws TypeError, RangeError that names the bad option. */
export function checkOptions(options: EtcdOptions): void {
  const { members = 1, tls = false, auth = false, tokenTtlSeconds, listen = "ipv4", dataDirectory } = options;
  const { startTimeoutMs = 30_000 } = options;
  if (!Number.isInteger(members) || members < 1 || members > 9) {
    throw new RangeError(`members: expected 1 to 9, got ${members}`);
  }
  if (![false, "server", "mutual"].includes(tls)) {
    throw new TypeError(`tls: expected false, "server" or "mutual", got ${String(tls)}`);
  }
  if (![false, "simple", "jwt"].includes(auth)) {
    throw new TypeError(`auth: expected false, "simple" or "jwt", got ${String(auth)}`);
  }
  if (!["ipv4", "ipv6", "unix"].includes(listen)) {
    throw new TypeError(`listen: expected "ipv4", "ipv6" or "unix", got ${String(listen)}`);
  }
  if (tokenTtlSeconds !== undefined) {
    if (auth === false) throw new TypeError("tokenTtlSeconds: has no meaning without auth");
    if (!Number.isInteger(tokenTtlSeconds) || tokenTtlSeconds < 1) {
      throw new RangeError(`tokenTtlSeconds: expected whole seconds, 1 or more, got ${tokenTtlSeconds}`);
    }
  }
  if (dataDirectory !== undefined && members !== 1) {
    throw new TypeError("dataDirectory: only for a cluster of one member");
  }
  if (!(startTimeoutMs > 0))
    throw new RangeError(`startTimeoutMs: expected more than 0, got ${startTimeoutMs}`);
}
