import type { WatchBatch } from "@etcdkit/core";

interface Entry {
  readonly batch: WatchBatch;
  readonly bytes: number;
}

interface Reader {
  resolve(result: IteratorResult<WatchBatch, undefined>): void;
  reject(reason: unknown): void;
}

// An event or pair is a message with several fields: what it costs beside its key and value, roughly.
const overheadBytes = 256;

/**
 * What a watch has for its reader. It never refuses a batch; `full` asks whoever fills it to stop, and `room` says when to
 * go on.
 */
export class BatchQueue {
  readonly #maxBytes: number;
  // Most watches are idle and have a reader that waits, so nothing is made before it is needed.
  #entries: Entry[] | undefined;
  #readers: Reader[] | undefined;
  #bytes = 0;
  #end: { readonly error?: unknown } | undefined;
  #onRoom: (() => void) | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get full(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  push(batch: WatchBatch): void {
    if (this.#end !== undefined) return;
    const reader = this.#readers?.shift();
    if (this.#readers?.length === 0) this.#readers = undefined;
    if (reader !== undefined) {
      reader.resolve({ done: false, value: batch });
      return;
    }
    this.#entries ??= [];
    const last = this.#entries.at(-1);
    // The later of two progress batches says all that the earlier one does.
    if (last !== undefined && last.batch.kind === "progress" && batch.kind === "progress") {
      this.#take(this.#entries.pop());
    }
    const entry = { batch, bytes: sizeOf(batch) };
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  /** The next batch; what ended the watch, once; then nothing more. */
  next(): Promise<IteratorResult<WatchBatch, undefined>> {
    const entry = this.#entries?.shift();
    if (entry !== undefined) {
      if (this.#entries?.length === 0) this.#entries = undefined;
      this.#take(entry);
      return Promise.resolve({ done: false, value: entry.batch });
    }
    if (this.#end !== undefined) {
      const end = this.#end;
      this.#end = {};
      return "error" in end ? Promise.reject(end.error) : Promise.resolve({ done: true, value: undefined });
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      // A list that grows by itself makes room for many at once.
      if (this.#readers === undefined) this.#readers = [reader];
      else this.#readers.push(reader);
    });
  }

  /** Nothing will be added: the iteration ends, by throwing if there is an `error`, after what is there was taken. */
  end(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const readers = this.#readers ?? [];
    this.#readers = undefined;
    for (const reader of readers) this.next().then(reader.resolve, reader.reject);
    this.#roomMade();
  }

  /** Drops what was not taken. */
  clear(): void {
    this.#entries = undefined;
    this.#bytes = 0;
    this.#roomMade();
  }

  /** Resolves when at most half of the room is taken, or nothing will be added any more. For one at a time. */
  room(): Promise<void> {
    if (this.#end !== undefined || this.#bytes <= this.#maxBytes / 2) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  #take(entry: Entry | undefined): void {
    this.#bytes -= entry?.bytes ?? 0;
    if (this.#bytes <= this.#maxBytes / 2) this.#roomMade();
  }

  #roomMade(): void {
    this.#onRoom?.();
    this.#onRoom = undefined;
  }
}

function sizeOf(batch: WatchBatch): number {
  let bytes = overheadBytes;
  if (batch.kind === "progress") return bytes;
  if (batch.kind === "state") {
    for (const { key, value } of batch.kvs) bytes += overheadBytes + key.length + value.length;
    return bytes;
  }
  for (const { kv, prevKv } of batch.events) {
    bytes += overheadBytes;
    if (kv !== undefined) bytes += kv.key.length + kv.value.length;
    if (prevKv !== undefined) bytes += overheadBytes + prevKv.key.length + prevKv.value.length;
  }
  return bytes;
}
