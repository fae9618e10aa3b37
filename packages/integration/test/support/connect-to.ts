import { type Connection, type ConnectOptions, connect } from "@etcdkit/core";
import type { EtcdCluster } from "@etcdkit/testing";

/**
 * Connects to a cluster in the way that its users would: with its certificates where it speaks TLS, and as root where it
 * asks for a log-in.
 *
 * @param options - They win over what the cluster says of itself; `endpoints`, for instance, over those of all members.
 */
export function connectTo(cluster: EtcdCluster, options: Partial<ConnectOptions> = {}): Connection {
  const { endpoints, tls, auth } = cluster;
  const mutual = tls?.mode === "mutual" ? { cert: tls.cert, key: tls.key } : {};
  return connect({
    endpoints,
    ...(tls === undefined ? {} : { tls: { ca: tls.ca, ...mutual } }),
    ...(auth === undefined
      ? {}
      : { credentials: { username: auth.root.name, password: auth.root.password } }),
    ...options,
  });
}
