import { Buffer } from "node:buffer";
import { compareBytes, concatBytes, prefixEnd, type WireRange } from "@etcdkit/core";

/**
 * A key as something that maps can hold: each byte one character, so that the order of names is the order of keys.
 */
export function nameOf(key: Uint8Array): string {
  // A quarter of the time: V8 keeps short arrays on its own heap, and would have to move them for a `Buffer` to see them.
  if (key.length <= 64) return Reflect.apply(String.fromCharCode, undefined, key);
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

/** A range of keys by their names; without `to` there is no upper end. */
export interface NameRange {
  readonly from: string;
  readonly to: string | undefined;
}

/** The names of the keys in a range. */
export function namesOf({ key, rangeEnd }: WireRange): NameRange {
  return {
    from: nameOf(key),
    to: rangeEnd === undefined || isOpenEnd(rangeEnd) ? undefined : nameOf(rangeEnd),
  };
}

/** Whether a key is in a range, by name. */
export function holds({ from, to }: NameRange, name: string): boolean {
  return name >= from && (to === undefined || name < to);
}

/** Whether an op speaks of more than one key. An empty end is what messages hold where there is none. */
export function isRange({ rangeEnd }: WireRange): boolean {
  return rangeEnd !== undefined && rangeEnd.length > 0;
}

function isOpenEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** Where the owner of each key is written down: the leasing key of a key is the key behind a prefix. */
export class LeasingKeys {
  readonly prefix: Uint8Array;
  /** All leasing keys. */
  readonly all: NameRange;
  readonly #end: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.prefix = prefix;
    this.#end = prefixEnd(prefix);
    this.all = namesOf({ key: prefix, rangeEnd: this.#end });
  }

  /** The leasing key of a key. */
  of(key: Uint8Array): Uint8Array {
    return concatBytes(this.prefix, key);
  }

  /** The leasing keys of the keys in a range. */
  ofRange({ key, rangeEnd }: WireRange): WireRange {
    const open = rangeEnd === undefined || isOpenEnd(rangeEnd);
    return { key: this.of(key), rangeEnd: open ? this.#end : this.of(rangeEnd) };
  }

  /** The name of the key that a leasing key is about; `undefined` for what is no leasing key. */
  nameIn(leasingKey: Uint8Array): string | undefined {
    const { length } = this.prefix;
    if (compareBytes(leasingKey.subarray(0, length), this.prefix) !== 0) return undefined;
    return nameOf(leasingKey.subarray(length));
  }

  /** Whether any leasing key is in a range of keys. */
  meets({ from, to }: NameRange): boolean {
    return (this.all.to === undefined || from < this.all.to) && (to === undefined || to > this.all.from);
  }
}
