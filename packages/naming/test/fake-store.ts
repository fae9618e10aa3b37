import {
  type BranchOp,
  type CallOptions,
  compareBytes,
  EtcdError,
  type Event,
  Event_EventType,
  type KeyValue,
  type KvExecutor,
  type Op,
  type RangeOp,
  type ResultOf,
  utf8,
  type Watch,
  type WatchBatch,
  type WatchCall,
  type WatchOpener,
  type WatchRequest,
} from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";

/** One watch, seen from the store. */
export class FakeWatch implements Watch {
  readonly request: WatchRequest;
  readonly created: Promise<{ revision: bigint }> = Promise.resolve({ revision: 1n });
  closed = false;
  readonly #batches: WatchBatch[] = [];
  readonly #signal: AbortSignal | undefined;
  #over: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(request: WatchRequest, signal: AbortSignal | undefined) {
    this.request = request;
    this.#signal = signal;
    signal?.addEventListener("abort", () => this.#wake());
  }

  deliver(batch: WatchBatch): void {
    this.#batches.push(batch);
    this.#wake();
  }

  /** Ends it; `undefined`: in peace. */
  end(error?: unknown): void {
    this.#over ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatch, void, undefined> {
    while (true) {
      this.#signal?.throwIfAborted();
      const batch = this.#batches.shift();
      if (batch !== undefined) yield batch;
      else if (this.#over?.error !== undefined) throw this.#over.error;
      else if (this.#over !== undefined) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  requestProgress(): Promise<bigint> {
    return Promise.reject(new EtcdError("UNIMPLEMENTED", "not by this fake"));
  }

  close(): Promise<void> {
    this.closed = true;
    this.end();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A store in memory: transactions, reads of ranges and watches, which is all that naming asks for. */
export class FakeStore implements KvExecutor, WatchOpener {
  readonly pairs: Map<string, KeyValue> = new Map();
  readonly watches: FakeWatch[] = [];
  /** What was asked for, in order. */
  readonly ops: Op[] = [];
  revision = 1n;
  /** Is asked before anything is done. */
  onExecute: (op: Op, call: CallOptions | undefined) => Promise<void> | void = () => undefined;
  /** Is asked before a watch is opened. */
  onOpen: (request: WatchRequest) => void = () => undefined;

  get kv(): KvExecutor {
    return this;
  }

  get watcher(): WatchOpener {
    return this;
  }

  /** The watches that nobody has closed. */
  get live(): readonly FakeWatch[] {
    return this.watches.filter(({ closed }) => !closed);
  }

  async execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    this.ops.push(op);
    await this.onExecute(op, call);
    const asked: Op = op;
    if (asked.type === "range") return this.#range(asked) as ResultOf<O>;
    if (asked.type !== "txn") throw new Error("the fake was asked for what it does not do");
    this.write(asked.success);
    return { header: this.#header(), succeeded: true, responses: [] } as unknown as ResultOf<O>;
  }

  /** Does some writes at one revision. */
  write(ops: readonly BranchOp[]): void {
    this.revision += 1n;
    const events = ops.flatMap((op): Event[] => {
      if (op.type === "put") {
        const pair = this.#pair(op.key, op.value, op.leaseId);
        this.pairs.set(nameOf(op.key), pair);
        return [this.#event(Event_EventType.PUT, pair)];
      }
      if (op.type !== "delete" || !this.pairs.delete(nameOf(op.key))) return [];
      return [this.#event(Event_EventType.DELETE, this.#pair(op.key, new Uint8Array()))];
    });
    if (events.length === 0) return;
    const batch = { kind: "events", header: this.#header(), revision: this.revision, events } as const;
    for (const watch of this.live) watch.deliver(batch);
  }

  put(key: string | Uint8Array, value: string): void {
    this.write([{ type: "put", key: toBytes(key, "key"), value: toBytes(value, "value") }]);
  }

  remove(key: string): void {
    this.write([{ type: "delete", key: toBytes(key, "key") }]);
  }

  /** What a watch delivers after a compaction, in pages of `pageSize`. */
  state(pageSize: number): readonly WatchBatch[] {
    const all = this.#sorted();
    const pages: WatchBatch[] = [];
    for (let start = 0; start === 0 || start < all.length; start += pageSize) {
      pages.push({
        kind: "state",
        header: this.#header(),
        revision: this.revision,
        kvs: all.slice(start, start + pageSize),
        last: start + pageSize >= all.length,
      });
    }
    return pages;
  }

  open(request: WatchRequest, call?: WatchCall): Watch {
    this.onOpen(request);
    const watch = new FakeWatch(request, call?.signal);
    this.watches.push(watch);
    return watch;
  }

  #range({ key, rangeEnd }: RangeOp): ResultOf<RangeOp> {
    const kvs = this.#sorted().filter(
      (pair) =>
        compareBytes(pair.key, key) >= 0 && rangeEnd !== undefined && compareBytes(pair.key, rangeEnd) < 0,
    );
    return { header: this.#header(), kvs, more: false, count: kvs.length };
  }

  #sorted(): readonly KeyValue[] {
    return [...this.pairs.values()].sort((a, b) => compareBytes(a.key, b.key));
  }

  #header(): ResultOf<RangeOp>["header"] {
    const { revision } = this;
    return { $typeName: "etcdserverpb.ResponseHeader", clusterId: 1n, memberId: 1n, revision, raftTerm: 1n };
  }

  #pair(key: Uint8Array, value: Uint8Array, lease = 0n): KeyValue {
    const revision = { createRevision: this.revision, modRevision: this.revision, version: 1n };
    return { $typeName: "mvccpb.KeyValue", key, value, lease, ...revision };
  }

  #event(type: Event_EventType, kv: KeyValue): Event {
    return { $typeName: "mvccpb.Event", type, kv };
  }
}

/** A store that answers nobody: for `onExecute`. */
export function neverAnswer(_op: Op, call: CallOptions | undefined): Promise<void> {
  return new Promise((_, reject) => {
    call?.signal?.addEventListener("abort", () => reject(call.signal?.reason), { once: true });
  });
}

/** Of keys that are no text too. */
function nameOf(key: Uint8Array): string {
  try {
    return utf8(key);
  } catch {
    return `bytes ${key.join()}`;
  }
}
