import { Event_EventType, utf8, type Watch, type WatchBatch } from "@etcdkit/core";

/** A copy of keys that is kept by what a watch with `initial` delivers, in the way that its documentation says. */
export class Replica {
  readonly #pairs = new Map<string, string>();
  readonly #reading: Promise<void>;
  #stateRevision: bigint | undefined;
  #revision = 0n;
  #wake: () => void = () => undefined;
  #error: unknown;

  constructor(watch: Watch) {
    this.#reading = this.#read(watch);
    this.#reading.catch(() => undefined);
  }

  /** Waits until the copy is that of a revision, or a later one. */
  async reached(revision: bigint): Promise<void> {
    while (this.#revision < revision) {
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Keys and values, in the order of the keys. */
  pairs(): [string, string][] {
    return [...this.#pairs].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  async #read(watch: Watch): Promise<void> {
    try {
      for await (const batch of watch) {
        this.#take(batch);
        this.#wake();
      }
    } catch (error) {
      this.#error = error;
      this.#wake();
    }
  }

  #take(batch: WatchBatch): void {
    if (batch.kind === "state") {
      if (this.#stateRevision !== batch.revision) this.#pairs.clear();
      this.#stateRevision = batch.last ? undefined : batch.revision;
      for (const { key, value } of batch.kvs) this.#pairs.set(utf8(key), utf8(value));
      if (batch.last) this.#revision = batch.revision;
      return;
    }
    if (batch.kind === "events") {
      for (const { type, kv } of batch.events) {
        if (kv === undefined) throw new Error("an event without a key");
        if (type === Event_EventType.DELETE) this.#pairs.delete(utf8(kv.key));
        else this.#pairs.set(utf8(kv.key), utf8(kv.value));
      }
    }
    this.#revision = batch.revision;
  }
}
