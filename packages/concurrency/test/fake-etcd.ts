import { setImmediate as turn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  type CallOptions,
  type Compare,
  compareBytes,
  EtcdError,
  type Event,
  Event_EventType,
  type KeepAlive,
  KeepAliveHaltedError,
  type KeyValue,
  type Kv,
  kvFrom,
  type Leases,
  type Op,
  type RangeOp,
  type RangeResult,
  type ResponseHeader,
  type ResultOf,
  type Watch,
  type WatchBatch,
  type WatchCall,
  type Watcher,
  type WatchRequest,
  watcherFrom,
} from "@etcdkit/core";
import { EventSchema, KeyValueSchema, ResponseHeaderSchema } from "@etcdkit/core/protocol";
import type { SessionServices } from "../src/session.js";

/** Somewhere between a program and the store, where anything may happen. */
export type Step = "request" | "answer" | "event" | "grant" | "renewal";

/**
 * As much of etcd as locks and elections need, in memory. Every passage of a message is a step that a test sees, so that it
 * can let something happen at each of them: that which is under way goes on, as it does in a network.
 */
export class FakeEtcd {
  readonly leases: Map<bigint, FakeLease> = new Map();
  readonly #kvs = new Map<string, KeyValue>();
  readonly #events: { readonly revision: bigint; readonly event: Event }[] = [];
  readonly #watches = new Set<FakeWatch>();
  /** Called at every step, before the message passes. What it throws is what becomes of the message. */
  onStep: (step: Step) => void = () => undefined;
  /** What every answer to a request waits for, as where a link has fallen silent. */
  answers: Promise<void> = Promise.resolve();
  revision = 1n;

  get watches(): number {
    return this.#watches.size;
  }

  keys(): readonly string[] {
    return [...this.#kvs.keys()].sort();
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
      open: (request, call) => this.#open(request, call),
    });
    return { kv, watcher, leases: { ...this.#leaseService(), ...space } };
  }

  /** Ends a lease, as its expiry does: nobody is told but those who watch its keys. */
  expire(id: bigint): void {
    this.leases.delete(id);
    const bound = [...this.#kvs.values()].filter(({ lease }) => lease === id);
    if (bound.length > 0) this.revision++;
    for (const { key } of bound) this.#delete(key);
    this.#tell();
  }

  /** Breaks every watch. */
  breakWatches(error: unknown): void {
    for (const watch of [...this.#watches]) watch.end(error);
  }

  /** Takes away the history up to now. */
  compact(): void {
    this.#events.length = 0;
  }

  #header(): ResponseHeader {
    return create(ResponseHeaderSchema, { revision: this.revision });
  }

  /** A request travels, is carried out whoever still waits, and its answer travels back. */
  #call(op: Op, call: CallOptions | undefined): Promise<unknown> {
    const signal = call?.signal;
    const work = async (): Promise<unknown> => {
      this.onStep("request");
      await turn();
      const result = this.#apply(op);
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

  #apply(op: Op): ResultOf<Op> {
    switch (op.type) {
      case "range":
        return this.#range(op);
      case "put": {
        const { key, value, leaseId = 0n } = op;
        if (leaseId !== 0n && !this.leases.has(leaseId)) {
          throw new EtcdError("LEASE_NOT_FOUND", "requested lease not found", { outcome: "not-applied" });
        }
        this.revision++;
        const old = this.#kvs.get(nameOf(key));
        const kv = create(KeyValueSchema, {
          key,
          value,
          lease: leaseId,
          createRevision: old?.createRevision ?? this.revision,
          modRevision: this.revision,
          version: (old?.version ?? 0n) + 1n,
        });
        this.#kvs.set(nameOf(key), kv);
        this.#record(create(EventSchema, { type: Event_EventType.PUT, kv }));
        return { header: this.#header() };
      }
      case "delete": {
        const doomed = this.#inRange(op);
        if (doomed.length > 0) this.revision++;
        for (const { key } of doomed) this.#delete(key);
        return { header: this.#header(), deleted: doomed.length, prevKvs: [] };
      }
      case "txn": {
        const succeeded = op.compare.every((one) => this.#holds(one));
        const responses = (succeeded ? op.success : op.failure).map((one) => this.#apply(one));
        return { header: this.#header(), succeeded, responses };
      }
      default:
        throw new Error("not needed");
    }
  }

  #range(op: RangeOp): RangeResult {
    const { maxCreateRevision, sort, limit } = op;
    let kvs = this.#inRange(op);
    const count = kvs.length;
    if (maxCreateRevision !== undefined) {
      kvs = kvs.filter(({ createRevision }) => createRevision <= maxCreateRevision);
    }
    if (sort?.by === "created") kvs.sort((a, b) => Number(a.createRevision - b.createRevision));
    if (sort?.order === "descending") kvs.reverse();
    kvs = kvs.slice(0, limit);
    // As etcd 3.7 does it.
    if (op.keysOnly === true) kvs = kvs.map((kv) => ({ ...kv, value: new Uint8Array(), lease: 0n }));
    return { header: this.#header(), kvs, more: false, count };
  }

  #inRange({ key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd?: Uint8Array | undefined }) {
    return [...this.#kvs.values()].filter(({ key: own }) =>
      rangeEnd === undefined
        ? compareBytes(own, key) === 0
        : compareBytes(own, key) >= 0 && compareBytes(own, rangeEnd) < 0,
    );
  }

  #holds(one: Compare): boolean {
    const kvs = this.#inRange(one);
    const { target } = one;
    if (target === "value" || one.relation !== "equal") throw new Error("not needed");
    if (kvs.length === 0) return one.operand === 0n;
    return kvs.every((kv) => kv[target] === one.operand);
  }

  #delete(key: Uint8Array): void {
    this.#kvs.delete(nameOf(key));
    const kv = create(KeyValueSchema, { key, modRevision: this.revision });
    this.#record(create(EventSchema, { type: Event_EventType.DELETE, kv }));
  }

  #record(event: Event): void {
    this.#events.push({ revision: this.revision, event });
  }

  #open(request: WatchRequest, call: WatchCall | undefined): Watch {
    const watch = new FakeWatch(request, call?.signal, () => this.#watches.delete(watch));
    if (!watch.over) this.#watches.add(watch);
    this.#tell();
    return watch;
  }

  /** Lets watches see what they have not seen. */
  #tell(): void {
    for (const watch of [...this.#watches]) {
      const events = this.#events.filter(({ revision }) => revision >= watch.from).map(({ event }) => event);
      if (watch.from <= this.revision) watch.from = this.revision + 1n;
      const seen = events.filter((event) => watch.wants(event));
      if (seen.length === 0) continue;
      const batch: WatchBatch = {
        kind: "events",
        header: this.#header(),
        revision: this.revision,
        events: seen,
      };
      void turn().then(() => {
        this.onStep("event");
        watch.deliver(batch);
      });
    }
  }

  #leaseService(): Leases {
    const unneeded = (): never => {
      throw new Error("not needed");
    };
    const header = this.#header();
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
        yield { header: create(ResponseHeaderSchema, {}), id, ttlSeconds };
      },
    };
  }
}

class FakeWatch implements Watch {
  readonly #request: WatchRequest;
  readonly #signal: AbortSignal | undefined;
  readonly #onEnd: () => void;
  readonly #batches: WatchBatch[] = [];
  #wake: () => void = () => undefined;
  #end: { readonly error: unknown } | undefined;
  from: bigint;
  readonly created: Promise<{ readonly revision: bigint }> = Promise.resolve({ revision: 1n });

  constructor(request: WatchRequest, signal: AbortSignal | undefined, onEnd: () => void) {
    this.#request = request;
    this.#signal = signal;
    this.#onEnd = onEnd;
    this.from = request.startRevision ?? 1n;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
  }

  get over(): boolean {
    return this.#end !== undefined;
  }

  readonly #onAbort = (): void => this.end(this.#signal?.reason);

  wants({ type, kv }: Event): boolean {
    const { key, rangeEnd, events } = this.#request;
    const own = kv?.key ?? new Uint8Array();
    const inside =
      rangeEnd === undefined
        ? compareBytes(own, key) === 0
        : compareBytes(own, key) >= 0 && compareBytes(own, rangeEnd) < 0;
    const kind = type === Event_EventType.PUT ? "puts" : "deletes";
    return inside && (events === undefined || events === kind);
  }

  deliver(batch: WatchBatch): void {
    this.#batches.push(batch);
    this.#wake();
  }

  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#onEnd();
    this.#wake();
  }

  requestProgress(): Promise<bigint> {
    return Promise.resolve(1n);
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatch, void, undefined> {
    while (true) {
      const next = this.#batches.shift();
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return;
      if (next !== undefined) yield next;
      else
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
    }
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
