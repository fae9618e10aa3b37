import {
  type Clock,
  type Connection,
  diagnostics,
  EtcdError,
  type Watch,
  type WatchCall,
  type WatchOpener,
  type WatchRequest,
} from "@etcdkit/core";
import { checkCallerHeaders } from "@etcdkit/core/spi";
import { Subscription } from "./subscription.js";
import { WatchStream } from "./watch-stream.js";

/** What watches are opened over. */
export interface GroupSetup {
  readonly transport: Connection["transport"];
  readonly clock: Clock;
  /** Ends all watches with its reason. */
  readonly signal: AbortSignal | undefined;
  /** How many endpoints there are. */
  readonly endpoints: () => number;
}

/** The streams of a watcher: one for each kind of metadata, for as long as it has watches. */
export class StreamGroup implements WatchOpener {
  readonly #setup: GroupSetup;
  readonly #streams = new Map<string, WatchStream>();
  #closedWith: unknown;

  constructor(setup: GroupSetup) {
    this.#setup = setup;
    setup.signal?.addEventListener("abort", this, { once: true });
    if (setup.signal?.aborted === true) this.handleEvent();
  }

  open(request: WatchRequest, call: WatchCall = {}): Watch {
    if (this.#closedWith !== undefined) return this.#ended(request, this.#closedWith);
    const { requireLeader = true, headers, signal } = call;
    if (headers !== undefined) checkCallerHeaders(headers);
    // Copied, since the stream is opened with them again and again.
    return this.#stream({ requireLeader, headers: headers && new Headers(headers) }).open(request, signal);
  }

  /** The connection is closed. */
  handleEvent(): void {
    this.#closedWith ??= this.#setup.signal?.reason;
    for (const stream of [...this.#streams.values()]) stream.fail(this.#closedWith);
  }

  close(): Promise<void> {
    this.#closedWith ??= new EtcdError("CLOSED", "the watcher is closed");
    this.#setup.signal?.removeEventListener("abort", this);
    for (const stream of [...this.#streams.values()]) stream.close();
    return Promise.resolve();
  }

  #stream(call: WatchCall): WatchStream {
    const key = keyOf(call);
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      const { transport, clock, endpoints } = this.#setup;
      const onEmpty = (ended: WatchStream): void => {
        if (this.#streams.get(key) === ended) this.#streams.delete(key);
      };
      stream = new WatchStream({ transport, clock, endpoints, call, onEmpty, onChange: this.#tell });
      this.#streams.set(key, stream);
    }
    return stream;
  }

  readonly #tell = (): void => {
    if (!diagnostics.watches.hasSubscribers) return;
    const counts = [...this.#streams.values()].map((stream) => stream.counts);
    const watches = counts.reduce((sum, stream) => sum + stream.watches, 0);
    const parked = counts.reduce((sum, stream) => sum + stream.parked, 0);
    diagnostics.watches.publish({ watcher: this, watches, streams: counts.length, parked });
  };

  #ended(request: WatchRequest, error: unknown): Watch {
    const nowhere = { clock: this.#setup.clock, leave: nothing, askProgress: nothing };
    const subscription = new Subscription(request, undefined, nowhere);
    subscription.fail(error);
    return subscription;
  }
}

/** Metadata in a spelling of its own: the same whatever the order and case that names were given in. */
function keyOf({ requireLeader, headers }: WatchCall): string {
  const entries = [...new Headers(headers)].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([requireLeader, entries]);
}

function nothing(): void {}
