import {
  type ConnectionState,
  diagnostics,
  type LeaseState,
  type LinkState,
  type WatchState,
} from "@etcdkit/core";

/** How many links there are to an endpoint in a state. */
export interface LinkCount {
  /** The endpoint, in its canonical spelling. */
  readonly endpoint: string;
  /** What the links do. */
  readonly state: ConnectionState;
  /** How many there are. */
  readonly count: number;
}

/** What the connections, watchers and lease clients of this process have open. */
export interface ClientState extends Disposable {
  /** Links by endpoint and state; none that are closed. */
  readonly links: readonly LinkCount[];
  /** What all watchers together have open. */
  readonly watches: Omit<WatchState, "watcher">;
  /** What all lease clients together keep alive. */
  readonly leases: Omit<LeaseState, "leases">;
}

/**
 * Follows the channels of `diagnostics` in `@etcdkit/core` until it is disposed of. Knows what has changed since it was
 * opened.
 */
export function openClientState(): ClientState {
  const links = new Map<object, LinkState>();
  const watchers = new Map<object, WatchState>();
  const leaseClients = new Map<object, LeaseState>();
  const ends = [
    diagnostics.links.subscribe((state) => keep(links, state.link, state, state.state !== "closed")),
    diagnostics.watches.subscribe((state) =>
      keep(watchers, state.watcher, state, state.watches + state.streams + state.parked > 0),
    ),
    diagnostics.leases.subscribe((state) =>
      keep(leaseClients, state.leases, state, state.keptAlive + state.streams > 0),
    ),
  ];
  return {
    get links() {
      return counted([...links.values()]);
    },
    get watches() {
      const all = [...watchers.values()];
      return { watches: sum(all, "watches"), streams: sum(all, "streams"), parked: sum(all, "parked") };
    },
    get leases() {
      const all = [...leaseClients.values()];
      return { keptAlive: sum(all, "keptAlive"), streams: sum(all, "streams") };
    },
    [Symbol.dispose]() {
      for (const end of ends) end();
    },
  };
}

function counted(links: readonly LinkState[]): readonly LinkCount[] {
  const counts = new Map<string, { endpoint: string; state: ConnectionState; count: number }>();
  for (const { endpoint, state } of links) {
    const key = `${state} ${endpoint}`;
    const entry = counts.get(key) ?? { endpoint, state, count: 0 };
    entry.count++;
    counts.set(key, entry);
  }
  return [...counts.values()];
}

/** What has come to its end is forgotten, so that nothing of it is held. */
function keep<State>(all: Map<object, State>, source: object, state: State, open: boolean): void {
  if (open) all.set(source, state);
  else all.delete(source);
}

function sum<Name extends string>(all: readonly { readonly [N in Name]: number }[], name: Name): number {
  return all.reduce((total, one) => total + one[name], 0);
}
