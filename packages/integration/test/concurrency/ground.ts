import type { SessionServices } from "@etcdkit/concurrency";
import type { Connection } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";

/** The services that coordination is built on, over a connection. */
export function servicesOf(connection: Connection): SessionServices {
  return { kv: createKv(connection), leases: createLeases(connection), watcher: createWatcher(connection) };
}
