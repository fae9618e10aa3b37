import {
  EtcdError,
  type Event,
  Event_EventType,
  type KeepAlive,
  type KeyValue,
  type KvExecutor,
  type Leases,
  type WatchOpener,
} from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { FakeWatch } from "../../core/test/fake-watch.js";
import { headerAt } from "../../core/test/header-at.js";

/** An event of a leasing key; without a value: its deletion. */
export function eventOf(
  leasingKey: string,
  revision: bigint,
  value?: string,
  more: Partial<KeyValue> = {},
): Event {
  const [createRevision, version, lease] = [0n, 0n, 0n];
  const key = toBytes(leasingKey, "key");
  const kv: KeyValue = {
    ...{ $typeName: "mvccpb.KeyValue", key, value: toBytes(value ?? "", "value") },
    ...{ createRevision, version, lease, modRevision: revision, ...more },
  };
  return {
    $typeName: "mvccpb.Event",
    type: value === undefined ? Event_EventType.DELETE : Event_EventType.PUT,
    kv,
  };
}

/** A lease that is renewed once. It is held until it is lost, or `believed` says no. */
export function keepAliveOf(leaseId: bigint, signal: AbortSignal, believed: () => boolean): KeepAlive {
  const isHeld = (): boolean => believed() && !signal.aborted;
  return {
    leaseId,
    signal,
    isHeld,
    remainingMs: () => (isHeld() ? 1_000 : 0),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
    async *[Symbol.asyncIterator]() {
      yield { header: headerAt(1n), id: leaseId, ttlSeconds: 10 };
    },
  };
}

/** Services under a leasing client that do what a test says: leases to be lost, watches to be fed. */
export class FakeServices {
  /** Leases that were granted, and those that were revoked, in order. */
  readonly granted: bigint[] = [];
  readonly revoked: bigint[] = [];
  /** Why no lease is granted. */
  refusal: Error | undefined;
  attempts = 0;
  held = true;
  /** What the creation of the next watches comes to. */
  watchCreated: Promise<{ readonly revision: bigint }> = Promise.resolve({ revision: 1n });
  readonly #losses: AbortController[] = [];
  readonly #watches: FakeWatch[] = [];

  readonly kv: KvExecutor = {
    execute: () => Promise.reject(new EtcdError("UNAVAILABLE", "nothing is served")),
  };
  readonly leases: Leases = {
    grant: (ttlSeconds) => {
      this.attempts += 1;
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      const id = BigInt(this.granted.length + 1);
      this.granted.push(id);
      return Promise.resolve({ header: headerAt(1n), id, ttlSeconds });
    },
    revoke: (id) => {
      this.revoked.push(id);
      return Promise.resolve({ header: headerAt(1n) });
    },
    keepAlive: (leaseId, options) => this.#keepAlive(leaseId, options?.signal),
    timeToLive: () => Promise.resolve(undefined),
    list: () => Promise.resolve({ header: headerAt(1n), ids: [] }),
    keepAliveOnce: () => Promise.reject(new Error("not asked for")),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  readonly watcher: WatchOpener = {
    open: (request) => {
      const watch = new FakeWatch(request, { created: this.watchCreated });
      this.#watches.push(watch);
      return watch;
    },
  };

  /** The newest lease is lost. */
  lose(): void {
    this.#losses.at(-1)?.abort(new EtcdError("KEEPALIVE_HALTED", "lost"));
  }

  /** The newest watch. */
  get watch(): FakeWatch {
    const watch = this.#watches.at(-1);
    if (watch === undefined) throw new Error("nothing is watched");
    return watch;
  }

  #keepAlive(leaseId: bigint, signal: AbortSignal | undefined): KeepAlive {
    const loss = new AbortController();
    this.#losses.push(loss);
    signal?.addEventListener("abort", () => loss.abort(signal.reason), { once: true });
    return keepAliveOf(leaseId, loss.signal, () => this.held);
  }
}
