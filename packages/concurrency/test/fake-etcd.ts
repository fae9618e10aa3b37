import { setImmediate as turn } from "node:timers/promises";
import {
  type CallOptions,
  type KeepAlive,
  KeepAliveHaltedError,
  type Kv,
  kvFrom,
  type Leases,
  type Op,
  type ResultOf,
  utf8,
  type Watch,
  type WatchCall,
  type Watcher,
  type WatchRequest,
  watcherFrom,
} from "@etcdkit/core";
import { FakeWatch } from "../../core/test/fake-watch.js";
import { headerAt } from "../../core/test/header-at.js";
import { MemoryStore } from "../../core/test/memory-store.js";
import type { SessionServices } from "../src/session.js";

/** Somewhere between a program and the store, where anything may happen. */
export type Step = "request" | "answer" | "event" | "grant" | "renewal";

/**
 * An etcd in memory for locks and elections. Every passage of a message is a step that a test sees, so that it can let
 * something happen at each of them: that which is under way goes on, as it does in a network.
 */
export class FakeEtcd {
  readonly leases: Map<bigint, FakeLease> = new Map();
  readonly #store = new MemoryStore({ leases: this.leases });
  /** With the revision that each is to be told of next. */
  readonly #watches = new Map<FakeWatch, bigint>();
  /** Called at every step, before the message passes. What it throws is what becomes of the message. */
  onStep: (step: Step) => void = () => undefined;
  /** What every answer to a request waits for, as where a link has fallen silent. */
  answers: Promise<void> = Promise.resolve();

  get revision(): bigint {
    return this.#store.revision;
  }

  get watches(): number {
    return this.#open().length;
  }

  keys(): readonly string[] {
    return this.#store.pairs.map(({ key }) => utf8(key));
  }

  /** The services of one program. */
  services(keyPrefix?: Uint8Array): SessionServices {
    const space = keyPrefix === undefined ? {} : { keyPrefix };
    const kv: Kv = kvFrom({
      ...space,
      execute: <O extends Op>(op: O, call?: CallOptions) => this.#call(op, call) as Promise<ResultOf<O>>,
    });
    const watcher: Watcher = watcherFrom({
      ...space,
      open: (request, call) => this.#watch(request, call),
    });
    return { kv, watcher, leases: { ...this.#leaseService(), ...space } };
  }

  /** Ends a lease, as its expiry does: nobody is told but those who watch its keys. */
  expire(id: bigint): void {
    this.#store.end(id);
    this.#tell();
  }

  /** Breaks every watch. */
  breakWatches(error: unknown): void {
    for (const watch of this.#open()) watch.end(error);
  }

  /** Takes away the history up to now. */
  compact(): void {
    this.#store.events.length = 0;
  }

  /** A request travels, is carried out whoever still waits, and its answer travels back. */
  #call(op: Op, call: CallOptions | undefined): Promise<unknown> {
    const signal = call?.signal;
    const work = async (): Promise<unknown> => {
      this.onStep("request");
      await turn();
      const result = this.#store.apply(op);
      this.#tell();
      this.onStep("answer");
      await Promise.all([turn(), this.answers]);
      return result;
    };
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      work()
        .then(resolve, reject)
        .finally(() => signal?.removeEventListener("abort", onAbort));
    });
  }

  #open(): readonly FakeWatch[] {
    for (const watch of this.#watches.keys()) if (watch.over) this.#watches.delete(watch);
    return [...this.#watches.keys()];
  }

  #watch(request: WatchRequest, call: WatchCall | undefined): Watch {
    const watch = new FakeWatch(request, { signal: call?.signal });
    this.#watches.set(watch, request.startRevision ?? 1n);
    this.#tell();
    return watch;
  }

  /** Lets watches see what they have not seen. */
  #tell(): void {
    const { revision, events } = this.#store;
    for (const watch of this.#open()) {
      const from = this.#watches.get(watch) ?? 1n;
      if (from <= revision) this.#watches.set(watch, revision + 1n);
      const seen = events.filter((one) => (one.kv?.modRevision ?? 0n) >= from && watch.wants(one));
      if (seen.length === 0) continue;
      void turn().then(() => {
        this.onStep("event");
        watch.happen(revision, ...seen);
      });
    }
  }

  #leaseService(): Leases {
    const unneeded = (): never => {
      throw new Error("not needed");
    };
    const { header } = this.#store;
    return {
      list: unneeded,
      keepAliveOnce: unneeded,
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
      grant: async (ttlSeconds, options) => {
        this.onStep("grant");
        await turn();
        options?.signal?.throwIfAborted();
        const id = options?.id ?? 1n;
        this.leases.set(id, new FakeLease(id, ttlSeconds));
        return { header, id, ttlSeconds };
      },
      revoke: async (id) => {
        await turn();
        this.expire(id);
        return { header };
      },
      timeToLive: async (id, options) => {
        this.onStep("request");
        await turn();
        options?.signal?.throwIfAborted();
        const lease = this.leases.get(id);
        if (lease === undefined) return undefined;
        const { ttlSeconds } = lease;
        return { header, id, ttlSeconds, grantedTtlSeconds: ttlSeconds, keys: [] };
      },
      keepAlive: (id, options) => {
        const lease = this.leases.get(id) ?? new FakeLease(id, 0);
        const keepAlive = lease.keep(() => this.onStep("renewal"));
        options?.signal?.addEventListener("abort", () => void keepAlive.close(), { once: true });
        return keepAlive;
      },
    };
  }
}

/** A lease, and those who keep it alive: for ever, unless a test tells them otherwise. */
export class FakeLease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  readonly #halts: ((error: KeepAliveHaltedError) => void)[] = [];
  /** What its holders believe they have left. */
  remainingMs: number;
  /** Called one turn of the event loop after a holder found that nothing is left. */
  onTimeUp: () => void = () => undefined;

  constructor(id: bigint, ttlSeconds: number) {
    this.id = id;
    this.ttlSeconds = ttlSeconds;
    this.remainingMs = ttlSeconds * 1_000;
  }

  /** Tells those who keep it alive that it is lost. */
  halt(reason: "deadline" | "expired"): void {
    for (const halt of this.#halts.splice(0)) halt(new KeepAliveHaltedError(this.id, reason));
  }

  keep(onRenewal: () => void): KeepAlive {
    const { id, ttlSeconds } = this;
    const controller = new AbortController();
    const { signal } = controller;
    this.#halts.push((error) => controller.abort(error));
    if (ttlSeconds === 0) this.halt("expired");
    const remainingMs = (): number => {
      if (signal.aborted) return 0;
      if (this.remainingMs === 0) setImmediate(() => this.onTimeUp());
      return this.remainingMs;
    };
    const close = (): Promise<void> => {
      controller.abort(new KeepAliveHaltedError(id, "closed"));
      return Promise.resolve();
    };
    return {
      leaseId: id,
      signal,
      isHeld: () => remainingMs() > 0,
      remainingMs,
      close,
      [Symbol.asyncDispose]: close,
      async *[Symbol.asyncIterator]() {
        onRenewal();
        await turn();
        if (signal.aborted) throw signal.reason;
        yield { header: headerAt(0n), id, ttlSeconds };
      },
    };
  }
}
