import {
  type BytesLike,
  compareBytes,
  concatBytes,
  EtcdError,
  type KeySpace,
  prefixEnd,
  type WireRange,
} from "@etcdkit/core";
import { isBytes, toBytes } from "@etcdkit/core/spi";

const noBytes = new Uint8Array();

/** The prefix of a namespace: turns the keys that its users name into those of the store, and back. */
export class KeyPrefix {
  readonly #prefix: Uint8Array;
  readonly #end: Uint8Array;

  /**
   * @throws `TypeError` when it is neither string nor bytes, or empty: a namespace that is no part of the store but all of
   * it is most likely a variable that was not set.
   */
  constructor(prefix: BytesLike) {
    this.#prefix = toBytes(prefix, "prefix");
    if (this.#prefix.length === 0) throw new TypeError("prefix must not be empty");
    this.#end = prefixEnd(this.#prefix);
  }

  /** What stands in front of the keys of the store: that of what is wrapped, then this one. */
  within({ keyPrefix }: KeySpace): Uint8Array {
    return concatBytes(keyPrefix ?? noBytes, this.#prefix);
  }

  /**
   * The key of the store.
   *
   * @throws `EtcdError` `EMPTY_KEY`, as the server would say: with the prefix alone it would not, and that key is outside.
   */
  add(key: Uint8Array): Uint8Array {
    if (!isBytes(key)) throw new TypeError("op.key must be a Uint8Array");
    if (key.length === 0) {
      throw new EtcdError("EMPTY_KEY", "etcdserver: key is not provided", { grpcCode: "INVALID_ARGUMENT" });
    }
    return concatBytes(this.#prefix, key);
  }

  /** The keys of the store. What has no upper end ends with the namespace. */
  addToRange({ key, rangeEnd }: WireRange): WireRange {
    const first = this.add(key);
    if (rangeEnd === undefined) return { key: first };
    if (!isBytes(rangeEnd)) throw new TypeError("op.rangeEnd must be a Uint8Array");
    // On the wire an empty end is none at all.
    if (rangeEnd.length === 0) return { key: first };
    const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
    return { key: first, rangeEnd: open ? this.#end.slice() : concatBytes(this.#prefix, rangeEnd) };
  }

  /** Whether a key of the store is in the namespace. The bare prefix is not: it would be the empty key. */
  has(key: Uint8Array): boolean {
    const { length } = this.#prefix;
    return key.length > length && compareBytes(key.subarray(0, length), this.#prefix) === 0;
  }

  /**
   * The key as users of the namespace know it.
   *
   * @throws `EtcdError` `PROTOCOL` for a key that is none of theirs, which no server answers with. It does not name the key.
   */
  strip(key: Uint8Array): Uint8Array {
    if (this.has(key)) return key.slice(this.#prefix.length);
    throw new EtcdError("PROTOCOL", "the answer has a key from outside the namespace");
  }
}
