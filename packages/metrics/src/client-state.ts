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

/**
 * What the connections, watchers and lease clients of this process have open, kept up to date from the channels of
 * `diagnostics` in `@etcdkit/core`. Knows what has changed since it was made.
 */
export class ClientState implements Disposable {
  readonly #links = new Map<object, LinkState>();
  readonly #watchers = new Map<object, WatchState>();
  readonly #leases = new Map<object, LeaseState>();
  readonly #unsubscribe: readonly (() => void)[] = [
    diagnostics.links.subscribe((state) => keep(this.#links, state.link, state, state.state !== "closed")),
    diagnostics.watches.subscribe((state) =>
      keep(this.#watchers, state.watcher, state, state.watches + state.streams + state.parked > 0),
    ),
    diagnostics.leases.subscribe((state) =>
      keep(this.#leases, state.leases, state, state.keptAlive + state.streams > 0),
    ),
  ];

  /** Links by endpoint and state; none that are closed. */
  get links(): readonly LinkCount[] {
    const counts = new Map<string, { endpoint: string; state: ConnectionState; count: number }>();
    for (const { endpoint, state } of this.#links.values()) {
      const key = `${state} ${endpoint}`;
      const entry = counts.get(key) ?? { endpoint, state, count: 0 };
      entry.count++;
      counts.set(key, entry);
    }
    return [...counts.values()];
  }

  /** What all watchers together have open. */
  get watches(): Omit<WatchState, "watcher"> {
    const all = [...this.#watchers.values()];
    return { watches: sum(all, "watches"), streams: sum(all, "streams"), parked: sum(all, "parked") };
  }

  /** What all lease clients together keep alive. */
  get leases(): Omit<LeaseState, "leases"> {
    const all = [...this.#leases.values()];
    return { keptAlive: sum(all, "keptAlive"), streams: sum(all, "streams") };
  }

  /** Follows the channels no longer. */
  [Symbol.dispose](): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }
}

/** What has come to its end is forgotten, so that nothing of it is held. */
function keep<State>(all: Map<object, State>, source: object, state: State, open: boolean): void {
  if (open) all.set(source, state);
  else all.delete(source);
}

function sum<Name extends string>(all: readonly { readonly [N in Name]: number }[], name: Name): number {
  return all.reduce((total, one) => total + one[name], 0);
}
