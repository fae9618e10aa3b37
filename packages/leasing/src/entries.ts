import type { KeyValue } from "@etcdkit/core";
import { holds, type NameRange } from "./leasing-keys.js";

/** A key that is owned, and what it is. */
export interface Entry {
  readonly name: string;
  readonly key: Uint8Array;
  /** The revision that created the leasing key: it tells this ownership from every other. */
  readonly token: bigint;
  /** Absent: the key does not exist. */
  readonly pair: KeyValue | undefined;
  /** The revision as of which `pair` is known. */
  readonly revision: bigint;
  /** Set by who reads it. */
  read: boolean;
}

/** How much is kept. */
export interface Bounds {
  readonly maxKeys: number;
  readonly maxBytes: number;
}

// What V8 takes for an entry beside the bytes of key and value: objects, bigints and a slot in the map.
const overheadBytes = 500;

/**
 * What this client owns, within bounds. What has not been read for long goes first: an entry that was read since its turn came
 * last gets another (CLOCK), since to keep the exact order would cost a read more than all the rest of it.
 */
export class Entries {
  readonly #bounds: Bounds;
  readonly #evicted: (entry: Entry) => void;
  /** In the order in which it is their turn to go. */
  readonly #map = new Map<string, Entry>();
  #bytes = 0;

  /** @param evicted - Told of each entry that did not fit any more. */
  constructor(bounds: Bounds, evicted: (entry: Entry) => void) {
    this.#bounds = bounds;
    this.#evicted = evicted;
  }

  get size(): number {
    return this.#map.size;
  }

  /** Of keys, values and what goes with them. */
  get bytes(): number {
    return this.#bytes;
  }

  get(name: string): Entry | undefined {
    return this.#map.get(name);
  }

  /** Keeps an entry, instead of an older one of the same key. One that is larger than all that may be kept is not kept. */
  set(entry: Entry): void {
    this.remove(entry.name);
    if (sizeOf(entry) > this.#bounds.maxBytes) {
      this.#evicted(entry);
      return;
    }
    this.#map.set(entry.name, entry);
    this.#bytes += sizeOf(entry);
    for (const next of this.#map.values()) {
      if (this.#map.size <= this.#bounds.maxKeys && this.#bytes <= this.#bounds.maxBytes) break;
      // What has come just now is not what goes.
      if (next.read || next === entry) {
        next.read = false;
        this.#map.delete(next.name);
        this.#map.set(next.name, next);
      } else {
        this.remove(next.name);
        this.#evicted(next);
      }
    }
  }

  /** What the key became at a revision. Answers of overlapping writes come in any order: the newest revision holds. */
  update(entry: Entry, pair: KeyValue | undefined, revision: bigint): void {
    if (revision > entry.revision) this.set({ ...entry, pair, revision });
  }

  remove(name: string): Entry | undefined {
    const entry = this.#map.get(name);
    if (entry === undefined) return undefined;
    this.#map.delete(name);
    this.#bytes -= sizeOf(entry);
    return entry;
  }

  /** The entries of a range. */
  within(range: NameRange): readonly Entry[] {
    return [...this.#map.values()].filter(({ name }) => holds(range, name));
  }

  all(): IterableIterator<Entry> {
    return this.#map.values();
  }

  clear(): void {
    this.#map.clear();
    this.#bytes = 0;
  }
}

function sizeOf({ key, pair }: Entry): number {
  // The key is there three times: as a name, in the entry and in the pair.
  return overheadBytes + 3 * key.length + (pair?.value.length ?? 0);
}
