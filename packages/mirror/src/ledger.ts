import { randomUUID } from "node:crypto";
import { compare, compareBytes, EtcdError, type Kv, op } from "@etcdkit/core";
import { type Patience, persistently } from "./persistently.js";
import { decodePlace, encodePlace, type Place, type Route } from "./place.js";
import type { WaitingProgress } from "./progress.js";
import { asBranch, type Write } from "./transactions.js";

/** What the operations on the checkpoint spend beside its key and value, and the server on the transaction as a whole. */
const overheadBytes = 512;

/** What a ledger needs. */
export interface LedgerSetup extends Patience {
  readonly kv: Kv;
  readonly key: Uint8Array;
  readonly route: Route;
  readonly maxTxnOps: number;
}

/**
 * Where the mirror is, kept in the destination by the very transactions that bring it there. Each of them is done only on
 * top of the one before it: none is done twice, whatever became of an answer, and none after another mirror has taken over.
 */
export class Ledger {
  readonly #setup: LedgerSetup;
  /** What the checkpoint key holds, unlike anything that was or will be written to it; absent while it does not exist. */
  #value: Uint8Array | undefined;

  constructor(setup: LedgerSetup) {
    this.#setup = setup;
  }

  /**
   * Takes over from whoever wrote last: what that one may still have under way will not be done.
   *
   * @param begin - Says where to begin when nobody has written yet.
   */
  async *open(
    begin: () => AsyncGenerator<WaitingProgress, Place, undefined>,
  ): AsyncGenerator<WaitingProgress, { readonly place: Place; readonly isNew: boolean }, undefined> {
    const { kv, key, route, signal } = this.#setup;
    while (true) {
      const found = yield* persistently(this.#setup, () => kv.get(key, { signal }));
      this.#value = found?.value;
      const place = found === undefined ? yield* begin() : decodePlace(found.value, route);
      if (yield* this.#write([], place)) return { place, isNew: found === undefined };
    }
  }

  /**
   * Does these writes and notes the place that the mirror is at then, in one transaction.
   *
   * @throws `NOT_HOLDER` when somebody else has written the checkpoint key.
   */
  async *commit(writes: readonly Write[], place: Place): AsyncGenerator<WaitingProgress, void, undefined> {
    if (yield* this.#write(writes, place)) return;
    throw new EtcdError(
      "NOT_HOLDER",
      "the checkpoint was written by somebody else: another mirror has taken over, or the destination was set back",
      { outcome: "not-applied" },
    );
  }

  /** What noting a place takes of a transaction, in bytes, at most. */
  costOf(place: Place): number {
    const { key, route } = this.#setup;
    // The key is written, compared and, for when another wrote it, read; a value of about the same size is compared.
    return overheadBytes + 3 * key.length + 2 * encodePlace(place, route, randomUUID()).length;
  }

  /** @returns Whether it was done; if not, somebody else's was. */
  async *#write(writes: readonly Write[], place: Place): AsyncGenerator<WaitingProgress, boolean, undefined> {
    const { kv, key, route, maxTxnOps, signal } = this.#setup;
    const value = encodePlace(place, route, randomUUID());
    const parts = {
      // By its value: the revisions of a destination that was restored come again.
      compare: [this.#value === undefined ? compare.missing(key) : compare.value(key).equals(this.#value)],
      success: [op.put(key, value), ...asBranch(writes, maxTxnOps)],
      failure: [op.range(key)],
    } as const;
    // Idempotent by its compare: once it is done, the key has another value.
    const call = { signal, idempotent: true };
    const result = yield* persistently(this.#setup, () => kv.txn(parts, call));
    if (!result.succeeded) {
      const [{ kvs }] = result.responses;
      const [pair] = kvs;
      // Its own value is there when it was done before, and the answer was lost.
      if (pair === undefined || compareBytes(pair.value, value) !== 0) return false;
    }
    this.#value = value;
    return true;
  }
}
