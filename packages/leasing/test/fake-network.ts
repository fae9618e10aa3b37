import {
  type CallOptions,
  EtcdError,
  type KeepAlive,
  KeepAliveHaltedError,
  type Leases,
  type Op,
  type ResultOf,
  type Watch,
  type WatchRequest,
} from "@etcdkit/core";
import { isRead } from "@etcdkit/core/spi";
import { FakeWatch } from "../../core/test/fake-watch.js";
import { headerAt } from "../../core/test/header-at.js";
import { isWithin, type MemoryStore } from "../../core/test/memory-store.js";
import type { LeasingServices } from "../src/open-leasing-kv.js";
import { keepAliveOf } from "./fake-services.js";

/** Something that can happen next. */
export type Happening = () => void;

/** A lease of a client, as the client sees it and as the server does. */
interface Held {
  readonly id: bigint;
  readonly loss: AbortController;
  believed: boolean;
  atServer: boolean;
}

/** A watch, and how many of the store's events it has come past. */
interface Following {
  readonly watch: FakeWatch;
  seen: number;
}

/** One client's way to the store. Nothing moves on it by itself: whoever tests chooses what happens next. */
export class FakeNetwork {
  readonly #store: MemoryStore;
  readonly #leases: Set<bigint>;
  readonly #nextId: () => bigint;
  /** Requests and answers on their way. */
  readonly #messages = new Set<Happening>();
  /** Requests that nobody waits for any more, and that may still arrive. */
  readonly #late = new Set<Happening>();
  /** Losses of leases that the client has not heard of. */
  readonly #losses = new Set<Happening>();
  readonly #waiting = new Map<Happening, Happening>();
  readonly #held: Held[] = [];
  readonly #watches: Following[] = [];

  /** @param leases - Those of the store. */
  constructor(store: MemoryStore, leases: Set<bigint>, nextId: () => bigint) {
    this.#store = store;
    this.#leases = leases;
    this.#nextId = nextId;
  }

  get services(): LeasingServices {
    return {
      kv: { execute: (op, call) => this.#execute(op, call) },
      leases: this.#leaseService(),
      watcher: { open: (request) => this.#open(request) },
    };
  }

  /** What may happen in good times, by its kind: messages arrive, late ones too, watches tell, losses are heard of. */
  get progress(): readonly (readonly Happening[])[] {
    const told = this.#watches.filter((one) => !one.watch.closed && one.seen < this.#store.events.length);
    return [
      [...this.#messages],
      [...this.#late],
      told.map((one) => () => this.#tell(one)),
      [...this.#losses],
    ];
  }

  /** What may happen in bad times, by its kind: answers are given up, histories compacted, leases lost. */
  get trouble(): readonly (readonly Happening[])[] {
    const open = this.#watches.filter(({ watch }) => !watch.closed);
    const leases = this.#held.filter(({ atServer }) => atServer);
    return [
      [...this.#waiting.values()],
      open.map((one) => () => this.#resync(one)),
      leases.map((lease) => () => this.#lose(lease)),
    ];
  }

  #execute<O extends Op>(op: O, call: CallOptions | undefined): Promise<ResultOf<O>> {
    const signal = call?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => settle(() => reject(signal?.reason));
      let over = false;
      const settle = (how: () => void): void => {
        over = true;
        signal?.removeEventListener("abort", onAbort);
        how();
      };
      const send = (): void => {
        const arrive = (): void => {
          this.#messages.delete(arrive);
          this.#late.delete(arrive);
          let answer: Happening;
          try {
            const result = this.#store.apply(op);
            answer = () => settle(() => resolve(result));
          } catch (error) {
            answer = () => settle(() => reject(error));
          }
          if (!this.#waiting.has(arrive)) return;
          const deliver = (): void => {
            this.#messages.delete(deliver);
            if (this.#waiting.delete(arrive) && !over) answer();
          };
          this.#messages.add(deliver);
        };
        this.#messages.add(arrive);
        // Nobody knows what has become of it. What may be repeated is, the rest is told.
        this.#waiting.set(arrive, () => {
          this.#waiting.delete(arrive);
          if (this.#messages.delete(arrive)) this.#late.add(arrive);
          if (over) return;
          if (call?.idempotent === true || isRead(op)) send();
          else settle(() => reject(new EtcdError("UNAVAILABLE", "no answer", { outcome: "unknown" })));
        });
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      send();
    });
  }

  #open(request: WatchRequest): Watch {
    const created = Promise.resolve({ revision: this.#store.revision });
    const watch = new FakeWatch(request, { created });
    this.#watches.push({ watch, seen: this.#store.events.length });
    return watch;
  }

  /** The watch hears of one more revision. */
  #tell(one: Following): void {
    const revision = this.#store.events[one.seen]?.kv?.modRevision ?? 0n;
    const events = this.#store.events.filter(({ kv }) => kv?.modRevision === revision);
    one.seen += events.length;
    const wanted = events.filter((event) => one.watch.wants(event));
    if (wanted.length > 0) one.watch.happen(revision, ...wanted);
  }

  /** The watch hears what is there now, instead of what has happened. */
  #resync(one: Following): void {
    one.seen = this.#store.events.length;
    const { header, revision, pairs } = this.#store;
    const kvs = pairs.filter(({ key }) => isWithin(key, one.watch.request));
    one.watch.deliver({ kind: "state", header, revision, kvs, last: true });
  }

  /** First the client knows that it may be lost, by its clock; then it is, at the server; then the client hears of it. */
  #lose(lease: Held): void {
    if (lease.believed) lease.believed = false;
    else {
      lease.atServer = false;
      this.#store.end(lease.id);
      const hear = (): void => {
        this.#losses.delete(hear);
        lease.loss.abort(new KeepAliveHaltedError(lease.id, "expired"));
      };
      this.#losses.add(hear);
    }
  }

  #leaseService(): Leases {
    const unneeded = (): never => {
      throw new Error("not needed");
    };
    const header = headerAt(1n);
    return {
      list: unneeded,
      timeToLive: unneeded,
      keepAliveOnce: unneeded,
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
      grant: (ttlSeconds) => {
        const id = this.#nextId();
        this.#leases.add(id);
        return Promise.resolve({ header, id, ttlSeconds });
      },
      revoke: (id) => {
        const lease = this.#held.find((one) => one.id === id);
        if (lease !== undefined) lease.atServer = false;
        this.#store.end(id);
        return Promise.resolve({ header });
      },
      keepAlive: (id) => this.#keepAlive(id),
    };
  }

  #keepAlive(id: bigint): KeepAlive {
    const loss = new AbortController();
    const lease: Held = { id, loss, believed: true, atServer: true };
    this.#held.push(lease);
    return keepAliveOf(id, loss.signal, () => lease.believed);
  }
}
