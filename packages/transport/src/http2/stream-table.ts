import type { Stream } from "./stream.js";

const leastSlots = 16;

/**
 * The open streams of a connection by their id.
 *
 * A hash table with linear probing. Ids count up in twos, so that streams lie one behind the other and seldom collide.
 * A `Map` would do the same, but each time it has used up its room, every so many streams, it makes a new table and leaves
 * the old one with what was in it: one of those that has been collected late keeps alive, table after table, every call that
 * came since, and the heap grows to several times its size.
 */
export class StreamTable {
  #slots: (Stream | undefined)[] = emptySlots(leastSlots);
  #mask = leastSlots - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | undefined {
    return this.#slots[this.#slotOf(id)];
  }

  /** Adds a stream that is not there yet. */
  add(stream: Stream): void {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    this.#slots[this.#slotOf(stream.id)] = stream;
    this.#size++;
  }

  /** Takes a stream out; `false` when it is not there. */
  delete(id: number): boolean {
    const slots = this.#slots;
    let hole = this.#slotOf(id);
    if (slots[hole] === undefined) return false;
    this.#size--;
    // What was pushed on by a collision moves back, so that a search may end at the first free slot.
    for (let slot = (hole + 1) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const stream = slots[slot];
      if (stream === undefined) break;
      const home = (stream.id >>> 1) & this.#mask;
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      slots[hole] = stream;
      hole = slot;
    }
    slots[hole] = undefined;
    return true;
  }

  clear(): void {
    this.#slots = emptySlots(leastSlots);
    this.#mask = leastSlots - 1;
    this.#size = 0;
  }

  /** The streams of this moment, the oldest first. */
  list(): Stream[] {
    return this.#slots.filter((stream) => stream !== undefined).sort((a, b) => a.id - b.id);
  }

  /** Where the stream is, or else where it would be. There always is a free slot. */
  #slotOf(id: number): number {
    let slot = (id >>> 1) & this.#mask;
    for (let found = this.#slots[slot]; found !== undefined && found.id !== id; found = this.#slots[slot]) {
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  #grow(): void {
    const streams = this.list();
    this.#slots = emptySlots(this.#slots.length * 2);
    this.#mask = this.#slots.length - 1;
    for (const stream of streams) this.#slots[this.#slotOf(stream.id)] = stream;
  }
}

function emptySlots(count: number): (Stream | undefined)[] {
  return new Array<Stream | undefined>(count).fill(undefined);
}
