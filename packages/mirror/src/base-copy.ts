import { compareBytes, concatBytes, type KeyValue, type KvExecutor, op, type WireRange } from "@etcdkit/core";
import { type Patience, persistently } from "./persistently.js";
import type { WaitingProgress } from "./progress.js";
import type { Write } from "./transactions.js";

const leastPageKeys = 128;

/** What a base copy needs. */
export interface BaseCopySetup extends Patience {
  /** The destination. */
  readonly kv: KvExecutor;
  readonly range: WireRange;
  /** Whether a key of the destination belongs to the mirror, rather than being its checkpoint. */
  readonly isMirrored: (key: Uint8Array) => boolean;
  /** Whether keys that the source does not have are deleted. */
  readonly deletes: boolean;
}

/**
 * Compares a base with the destination, both in the order of keys, and finds the writes that make them equal. Keys that are
 * equal already are left alone, so that a base that repeats much of an earlier one costs few writes.
 */
export class BaseCopy {
  readonly #setup: BaseCopySetup;
  /** The least key of the destination that was not compared yet. */
  #cursor: Uint8Array;

  constructor(setup: BaseCopySetup) {
    this.#setup = setup;
    this.#cursor = setup.range.key;
  }

  /**
   * Goes on with a page of the base, its keys as the destination has them.
   *
   * @param apply - Does some of the writes. What it yields is handed on.
   */
  async *take<T>(
    page: readonly KeyValue[],
    last: boolean,
    apply: (writes: readonly Write[]) => AsyncGenerator<T, void, undefined>,
  ): AsyncGenerator<WaitingProgress | T, void, undefined> {
    const { kv, range, isMirrored, signal } = this.#setup;
    const final = page.at(-1);
    // A page in the middle is never empty; if one were, it would say nothing of any key.
    if (final === undefined && !last) return;
    const rangeEnd = last || final === undefined ? range.rangeEnd : after(final.key);
    const limit = Math.max(page.length, leastPageKeys);
    let rest = page.filter(({ key }) => isMirrored(key));
    for (let more = true; more; ) {
      const read = { type: "range", key: this.#cursor, rangeEnd, limit } as const;
      const found = yield* persistently(this.#setup, () => kv.execute(read, { signal }));
      const end = found.kvs.at(-1);
      more = found.more && end !== undefined;
      // What was found says all about the keys up to its last one, or up to the end.
      const compared =
        more && end !== undefined ? rest.filter(({ key }) => compareBytes(key, end.key) <= 0) : rest;
      rest = rest.slice(compared.length);
      yield* apply([...this.#differences(compared, found.kvs)]);
      if (end !== undefined) this.#cursor = after(end.key);
    }
    if (final !== undefined) this.#cursor = after(final.key);
  }

  *#differences(wanted: readonly KeyValue[], found: readonly KeyValue[]): Generator<Write, void, undefined> {
    const { isMirrored, deletes } = this.#setup;
    let i = 0;
    for (const pair of wanted) {
      let had = found[i];
      while (had !== undefined && compareBytes(had.key, pair.key) < 0) {
        if (deletes && isMirrored(had.key)) yield op.delete(had.key);
        i += 1;
        had = found[i];
      }
      if (had !== undefined && compareBytes(had.key, pair.key) === 0) {
        i += 1;
        if (compareBytes(had.value, pair.value) === 0) continue;
      }
      yield op.put(pair.key, pair.value);
    }
    for (const { key } of found.slice(i)) if (deletes && isMirrored(key)) yield op.delete(key);
  }
}

/** The least key after this one. */
function after(key: Uint8Array): Uint8Array {
  return concatBytes(key, new Uint8Array(1));
}
