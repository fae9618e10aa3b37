import {
  EtcdError,
  type Event,
  isDelete,
  type Watch,
  type WatchBatch,
  type WatchCall,
  type WatchRequest,
} from "../src/index.js";
import { headerAt } from "./header-at.js";
import { isWithin } from "./memory-store.js";

/** How a {@link FakeWatch} begins, and what ends it. */
export interface FakeWatchOptions extends Pick<WatchCall, "signal"> {
  readonly created?: Promise<{ readonly revision: bigint }> | undefined;
}

/** A watch that delivers what a test feeds it with. */
export class FakeWatch implements Watch {
  readonly request: WatchRequest;
  readonly created: Promise<{ readonly revision: bigint }>;
  /** Whether whoever reads it has closed it. */
  closed = false;
  readonly #signal: AbortSignal | undefined;
  readonly #batches: WatchBatch[] = [];
  #end: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(request: WatchRequest, { signal, created }: FakeWatchOptions = {}) {
    this.request = request;
    this.created = created ?? Promise.resolve({ revision: 1n });
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
  }

  readonly #onAbort = (): void => this.end(this.#signal?.reason);

  /** Whether nothing can be delivered any more. */
  get over(): boolean {
    return this.#end !== undefined;
  }

  /** Whether it asks for an event. */
  wants(event: Event): boolean {
    const { events } = this.request;
    if (events !== undefined && events !== (isDelete(event) ? "deletes" : "puts")) return false;
    return event.kv !== undefined && isWithin(event.kv.key, this.request);
  }

  deliver(batch: WatchBatch): void {
    if (!this.over) this.#batches.push(batch);
    this.#wake();
  }

  /** Delivers events of one revision. */
  happen(revision: bigint, ...events: readonly Event[]): void {
    this.deliver({ kind: "events", header: headerAt(revision), revision, events });
  }

  /** Ends it behind what was delivered; without an error: in peace. */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#wake();
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

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchBatch, void, undefined> {
    while (!this.closed) {
      this.#signal?.throwIfAborted();
      const batch = this.#batches.shift();
      if (batch !== undefined) yield batch;
      else if (this.#end?.error !== undefined) throw this.#end.error;
      else if (this.#end !== undefined) return;
      else
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
    }
  }
}
