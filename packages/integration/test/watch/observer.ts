import { Event_EventType, utf8, type Watch, type WatchBatch } from "@etcdkit/core";

/** A link that broke several times is dialled up to five seconds later, and a busy machine has other things to do. */
const patienceMs = 30_000;

/** Reads a watch in the background and keeps what it delivers. */
export class Observer {
  readonly batches: WatchBatch[] = [];
  #count = 0;
  readonly #watch: Watch;
  readonly #waits = new Set<() => void>();
  #ended: { readonly error?: unknown } | undefined;

  constructor(watch: Watch) {
    this.#watch = watch;
    void this.#read();
  }

  /** Whether the watch has ended. */
  get over(): boolean {
    return this.#ended !== undefined;
  }

  /** What the watch ended with; `undefined` when that was nothing, or it has not. */
  get error(): unknown {
    return this.#ended?.error;
  }

  /** The events so far, as `put key value revision`. */
  get events(): string[] {
    return this.batches.flatMap((batch) =>
      batch.kind !== "events"
        ? []
        : batch.events.map(({ type, kv }) =>
            kv === undefined
              ? "nothing"
              : `${type === Event_EventType.PUT ? "put" : "delete"} ${utf8(kv.key)} ${utf8(kv.value)}`.trim(),
          ),
    );
  }

  /** The revisions of the events so far. A batch may have several. */
  get revisions(): bigint[] {
    return this.batches.flatMap((batch) =>
      batch.kind === "events" ? batch.events.map(({ kv }) => kv?.modRevision ?? 0n) : [],
    );
  }

  /** Waits for a condition on what was delivered; rejects when the watch ends, or time is up, before. */
  async until(condition: () => boolean, timeoutMs: number = patienceMs): Promise<void> {
    const late = AbortSignal.timeout(timeoutMs);
    while (!condition()) {
      if (this.#ended !== undefined) {
        throw new Error(`the watch ended after ${this.batches.length} batches`, { cause: this.#ended.error });
      }
      if (late.aborted) {
        throw new Error(`not within ${timeoutMs} ms; delivered so far: ${this.events.slice(-20).join("; ")}`);
      }
      await this.#change(late);
    }
  }

  /** Waits for so many events. */
  count(events: number, timeoutMs?: number): Promise<void> {
    return this.until(() => this.#count >= events, timeoutMs);
  }

  /** Waits until everything up to a revision was delivered, as far as batches tell. */
  reached(revision: bigint, timeoutMs?: number): Promise<void> {
    return this.until(() => (this.batches.at(-1)?.revision ?? 0n) >= revision, timeoutMs);
  }

  /** Waits for the end, and tells with what. */
  async end(timeoutMs: number = patienceMs): Promise<unknown> {
    const late = AbortSignal.timeout(timeoutMs);
    while (this.#ended === undefined) {
      if (late.aborted) throw new Error(`the watch has not ended within ${timeoutMs} ms`);
      await this.#change(late);
    }
    return this.#ended.error;
  }

  async #read(): Promise<void> {
    try {
      for await (const batch of this.#watch) {
        this.batches.push(batch);
        if (batch.kind === "events") this.#count += batch.events.length;
        this.#changed();
      }
      this.#ended = {};
    } catch (error) {
      this.#ended = { error };
    }
    this.#changed();
  }

  #change(late: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waits.delete(done);
        late.removeEventListener("abort", done);
        resolve();
      };
      this.#waits.add(done);
      late.addEventListener("abort", done);
      if (late.aborted) done();
    });
  }

  #changed(): void {
    for (const wait of [...this.#waits]) wait();
  }
}
