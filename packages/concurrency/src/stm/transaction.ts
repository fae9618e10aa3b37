import type { BytesLike, PutOpOptions } from "@etcdkit/core";

/** Options of {@link StmTransaction.put}. */
export interface StmPutOptions extends Pick<PutOpOptions, "leaseId" | "ignoreLease"> {}

/**
 * One attempt at a transaction, as `apply` sees it. Reads are answered by the store and remembered; writes wait for the
 * commit, and the transaction's own reads see them.
 *
 * Keys and values are taken as strings (UTF-8) or bytes, and copied. An attempt ends when `apply` does; whatever is asked of
 * it later fails with `CLOSED`. A read that failed ends the attempt, also where `apply` catches the error.
 */
export interface StmTransaction {
  /**
   * The value of a key; `undefined` when it does not exist. The same all through the attempt, unless the transaction itself
   * writes the key. Keys that are asked for at the same time (`Promise.all`) are read in one request.
   *
   * @throws (rejects) `EtcdError` as `kv.get`; `TypeError` for a bad key; the reason of the transaction's signal.
   */
  get(key: BytesLike): Promise<Uint8Array | undefined>;

  /** The values of several keys, in the order of the keys, read in one request. @throws As {@link StmTransaction.get}. */
  getAll(keys: readonly BytesLike[]): Promise<readonly (Uint8Array | undefined)[]>;

  /**
   * The revision of the last write of a key, `0n` when it does not exist. As it was read: what this transaction writes has
   * no revision yet.
   *
   * @throws As {@link StmTransaction.get}.
   */
  modRevision(key: BytesLike): Promise<bigint>;

  /**
   * Writes a key when the transaction commits. Without `leaseId` and `ignoreLease` it is tied to no lease then, also if it
   * was before.
   *
   * @throws `TypeError`, `RangeError` for bad arguments.
   */
  put(key: BytesLike, value: BytesLike, options?: StmPutOptions): void;

  /** Deletes a key when the transaction commits. @throws `TypeError` for a bad key. */
  delete(key: BytesLike): void;
}
