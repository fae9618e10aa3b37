import {
  type BranchOp,
  type CallOptions,
  type KvExecutor,
  type Op,
  op,
  type ResultOf,
  type Watch,
  type WatchBatch,
  type WatchCall,
  type WatchOpener,
  type WatchRequest,
} from "@etcdkit/core";
import { FakeWatch } from "../../core/test/fake-watch.js";
import { MemoryStore } from "../../core/test/memory-store.js";

/** A store in memory, with watches. */
export class FakeStore extends MemoryStore implements KvExecutor, WatchOpener {
  readonly watches: FakeWatch[] = [];
  /** What was asked for, in order. */
  readonly ops: Op[] = [];
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
    return this.apply(op);
  }

  /** Carries out an op and tells the watches of it. */
  override apply<O extends Op>(op: O): ResultOf<O> {
    const seen = this.events.length;
    const result = super.apply(op);
    for (const watch of this.live) {
      const events = this.events.slice(seen).filter((event) => watch.wants(event));
      if (events.length > 0) watch.happen(this.revision, ...events);
    }
    return result;
  }

  /** Does some writes at one revision. */
  write(success: readonly BranchOp[]): void {
    this.apply(op.txn({ success }));
  }

  put(key: string | Uint8Array, value: string): void {
    this.apply(op.put(key, value));
  }

  remove(key: string): void {
    this.apply(op.delete(key));
  }

  /** What a watch delivers after a compaction, in pages of `pageSize`. */
  state(pageSize: number): readonly WatchBatch[] {
    const { header, revision, pairs } = this;
    const pages: WatchBatch[] = [];
    for (let start = 0; start === 0 || start < pairs.length; start += pageSize) {
      const [kvs, last] = [pairs.slice(start, start + pageSize), start + pageSize >= pairs.length];
      pages.push({ kind: "state", header, revision, kvs, last });
    }
    return pages;
  }

  open(request: WatchRequest, call?: WatchCall): Watch {
    this.onOpen(request);
    const watch = new FakeWatch(request, { signal: call?.signal });
    this.watches.push(watch);
    return watch;
  }
}

/** A store that answers nobody: for `onExecute`. */
export function neverAnswer(_op: Op, call: CallOptions | undefined): Promise<void> {
  return new Promise((_, reject) => {
    call?.signal?.addEventListener("abort", () => reject(call.signal?.reason), { once: true });
  });
}
