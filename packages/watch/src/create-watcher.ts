import { type Clock, type Connection, systemClock, type Watcher, watcherFrom } from "@etcdkit/core";
import { StreamGroup } from "./stream-group.js";

/** What a watcher is built on: what `connect` returned, or anything with a transport that rejects as a connection's does. */
export type WatcherConnection = Pick<Connection, "transport"> &
  Partial<Pick<Connection, "signal" | "endpoints">>;

/** Options of {@link createWatcher}. */
export interface WatcherOptions {
  /** Where time comes from. For tests. */
  readonly clock?: Clock | undefined;
}

/**
 * The watch service of etcd over a connection. Watches share streams: those with the same `headers` and `requireLeader`
 * are on one. Closing the connection ends its watches with `CLOSED`; closing the watcher ends them quietly.
 *
 * @param connection - Without `endpoints`, `NO_LEADER` is taken to be the answer of the only member there is.
 */
export function createWatcher(connection: WatcherConnection, options: WatcherOptions = {}): Watcher {
  const { transport, signal } = connection;
  const { clock = systemClock } = options;
  const endpoints = (): number => connection.endpoints?.().length ?? 1;
  const streams = new StreamGroup({ transport, clock, signal, endpoints });
  return watcherFrom(streams, () => streams.close());
}
