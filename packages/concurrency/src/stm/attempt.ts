import { type BytesLike, EtcdError, isEtcdError, type KeyValue, op, type TxnResult } from "@etcdkit/core";
import { type CallLimits, toBytes } from "@etcdkit/core/spi";
import { ReadSet, type ReadSetup } from "./read-set.js";
import { type Snapshot, snapshotOf } from "./snapshot.js";
import type { StmPutOptions, StmTransaction } from "./transaction.js";
import { WriteSet } from "./write-set.js";

/** How an attempt to commit ended. */
export type CommitResult =
  | { readonly succeeded: true; readonly header: TxnResult["header"] }
  /** Others came first. `fresh` is what the keys that were read are now. */
  | { readonly succeeded: false; readonly fresh: Snapshot };

/** One attempt at a transaction. */
export class Attempt implements StmTransaction {
  readonly #setup: ReadSetup;
  readonly #reads: ReadSet;
  readonly #writes = new WriteSet();
  #hasEnded = false;

  /** @param known - What the conflict that ended the attempt before brought along. */
  constructor(setup: ReadSetup, known: Snapshot | undefined) {
    this.#setup = setup;
    this.#reads = new ReadSet(setup, known);
  }

  /** Whether the revision of the attempt was compacted away while it read. */
  get isOutdated(): boolean {
    return isEtcdError(this.#reads.failure?.error, "COMPACTED");
  }

  /** Runs `apply` on this attempt, which is over then, also if `apply` goes on after an abort. */
  async run<T>(
    limits: CallLimits,
    prefetch: readonly Uint8Array[],
    apply: (tx: StmTransaction) => T | PromiseLike<T>,
  ): Promise<T> {
    try {
      limits.signal.throwIfAborted();
      await limits.race(this.#reads.prefetch(prefetch));
      const value = await limits.race((async () => await apply(this))());
      if (this.#reads.failure !== undefined) throw this.#reads.failure.error;
      return value;
    } catch (error) {
      // What `apply` makes of a read that failed does not matter.
      throw this.#reads.failure?.error ?? error;
    } finally {
      this.#hasEnded = true;
    }
  }

  /** Writes what is to be written, if nobody came first. Never repeated: whether it was applied may not be known. */
  async commit(): Promise<CommitResult> {
    const { kv, call, rules } = this.#setup;
    const { keys, revision } = this.#reads;
    const compare = rules.guardsReads ? [...this.#reads.unchanged()] : [];
    if (rules.guardsWrites && revision !== undefined) {
      compare.push(...this.#writes.unwrittenSince(revision, (key) => this.#reads.has(key)));
    }
    // The reads save the next attempt a request. They also make a commit without writes ask the other members: without
    // them, a member that lags behind would confirm what it said before.
    const failure = rules.guardsReads ? keys.map((key) => op.range(key)) : [];
    const result = await kv.execute(op.txn({ compare, success: this.#writes.ops, failure }), call);
    if (result.succeeded) return { succeeded: true, header: result.header };
    return { succeeded: false, fresh: snapshotOf(result.header.revision, keys, result.responses) };
  }

  get(key: BytesLike): Promise<Uint8Array | undefined> {
    return this.#answer(async () => {
      const name = toBytes(key, "key");
      const written = this.#writes.get(name);
      const value = written === undefined ? (await this.#read(name))?.value : written.value;
      return value && new Uint8Array(value);
    });
  }

  getAll(keys: readonly BytesLike[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#answer(async () => {
      if (!Array.isArray(keys)) throw new TypeError("keys must be an array");
      return await Promise.all(keys.map((key) => this.get(key)));
    });
  }

  modRevision(key: BytesLike): Promise<bigint> {
    return this.#answer(async () => (await this.#read(toBytes(key, "key")))?.modRevision ?? 0n);
  }

  put(key: BytesLike, value: BytesLike, options?: StmPutOptions): void {
    this.#checkOpen();
    this.#writes.put(key, value, options);
  }

  delete(key: BytesLike): void {
    this.#checkOpen();
    this.#writes.delete(key);
  }

  #answer<T>(read: () => Promise<T>): Promise<T> {
    const answer = this.#whileOpen(read);
    // Nobody may be waiting for it any more, when `apply` failed for another reason.
    answer.catch(() => undefined);
    return answer;
  }

  async #whileOpen<T>(read: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    return await read();
  }

  async #read(key: Uint8Array): Promise<KeyValue | undefined> {
    const pair = await this.#reads.get(key);
    this.#checkOpen();
    return pair;
  }

  #checkOpen(): void {
    if (this.#hasEnded) {
      throw new EtcdError("CLOSED", "this attempt at the transaction has ended: await in apply what it does");
    }
  }
}
