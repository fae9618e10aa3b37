import { type BytesLike, type Compare, compare, type DeleteOp, op, type PutOp } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { KeyMap } from "./key-map.js";
import type { StmPutOptions } from "./transaction.js";

/** A write that waits for the commit. */
interface PendingWrite {
  readonly op: PutOp | DeleteOp;
  /** What the key is then; `undefined`: deleted. */
  readonly value: Uint8Array | undefined;
}

/** What one attempt at a transaction is going to write. Of several writes of a key the last one counts. */
export class WriteSet {
  readonly #pending = new KeyMap<PendingWrite>();

  /** The write of a key, if there is one. */
  get(key: Uint8Array): PendingWrite | undefined {
    return this.#pending.get(key)?.value;
  }

  put(key: BytesLike, value: BytesLike, options: StmPutOptions | undefined): void {
    const write = op.put(key, value, options);
    this.#pending.set(write.key, { op: write, value: write.value });
  }

  delete(key: BytesLike): void {
    // Not what a delete op would take as well: a range is more than what was said to be one key.
    const write = op.delete(toBytes(key, "key"));
    this.#pending.set(write.key, { op: write, value: undefined });
  }

  get ops(): readonly (PutOp | DeleteOp)[] {
    return [...this.#pending].map(({ value }) => value.op);
  }

  /**
   * Conditions that hold as long as nobody has written these keys after a revision.
   *
   * @param except - Keys that other conditions say more about.
   */
  unwrittenSince(revision: bigint, except: (key: Uint8Array) => boolean): readonly Compare[] {
    return [...this.#pending]
      .filter(({ key }) => !except(key))
      .map(({ key }) => compare.modRevision(key).lessThan(revision + 1n));
  }
}
