import { type Auth, createAuth } from "@etcdkit/auth";
import { type Cluster, createCluster } from "@etcdkit/cluster";
import {
  type Connection,
  type ConnectOptions,
  connect,
  type Kv,
  type Leases,
  type Watcher,
} from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createMaintenance, type Maintenance } from "@etcdkit/maintenance";
import { createWatcher } from "@etcdkit/watch";

/** The services of an etcd cluster over one connection. */
export interface Etcd extends AsyncDisposable {
  /** Keys and values: reads, writes, transactions and compaction (etcd's service `KV`). */
  readonly kv: Kv;
  /** Events of keys (etcd's service `Watch`). Closing the connection ends every watch with `CLOSED`. */
  readonly watcher: Watcher;
  /** Lifetimes that keys are tied to (etcd's service `Lease`). Closing the connection ends every keep-alive. */
  readonly leases: Leases;
  /** Users, roles and what they may do (etcd's service `Auth`). */
  readonly auth: Auth;
  /** The members (etcd's service `Cluster`). */
  readonly cluster: Cluster;
  /** Status, alarms, defragmentation, hashes and snapshots of members (etcd's service `Maintenance`). */
  readonly maintenance: Maintenance;
  /** What the services share; also the way to services without a package, by `createClient(…, connection.transport)`. */
  readonly connection: Connection;
  /** Closes the connection: calls under way and later ones reject with `CLOSED`. Idempotent. */
  close(): Promise<void>;
}

/**
 * Connects to a cluster and makes all services on that connection. Returns at once: the first call dials.
 *
 * ```ts
 * const etcd = createEtcd({ endpoints: "http://127.0.0.1:2379" });
 * await etcd.kv.put("greeting", "hello");
 * await etcd.close();
 * ```
 *
 * @param options - Those of `connect`.
 * @throws `TypeError` or `RangeError` that names the option that cannot be used.
 */
export function createEtcd(options: ConnectOptions): Etcd {
  const connection = connect(options);
  const close = (): Promise<void> => connection.close();
  return {
    kv: createKv(connection),
    watcher: createWatcher(connection, { clock: options.clock }),
    leases: createLeases(connection, { clock: options.clock }),
    auth: createAuth(connection),
    cluster: createCluster(connection),
    maintenance: createMaintenance(connection),
    connection,
    close,
    [Symbol.asyncDispose]: close,
  };
}
