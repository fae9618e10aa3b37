import type { BytesLike } from "../bytes.js";
import type { CallOptions } from "../call-options.js";
import type { KeyValue } from "../gen/mvccpb/kv_pb.js";
import type { KeyOrRange, KeyRange } from "../key-range.js";
import type { KeySpace } from "../key-space.js";
import type { BranchOp, Op, RangeOp, TxnParts } from "./op.js";
import type {
  CompactOpOptions,
  DeleteOpOptions,
  GetOpOptions,
  KeepValueOptions,
  PutOpOptions,
  RangeOpOptions,
  ScanOptions,
} from "./op-options.js";
import type { CompactResult, DeleteResult, PutResult, RangeResult, ResultOf, TxnResult } from "./results.js";

/** Options of {@link ReadonlyKv.get}. */
export interface GetOptions extends GetOpOptions, CallOptions {}
/** Options of {@link ReadonlyKv.range}. */
export interface RangeOptions extends RangeOpOptions, CallOptions {}
/** Options of {@link Kv.put}. */
export interface PutOptions extends PutOpOptions, CallOptions {}
/** Options of {@link Kv.delete}. */
export interface DeleteOptions extends DeleteOpOptions, CallOptions {}
/** Options of {@link Kv.compact}. */
export interface CompactOptions extends CompactOpOptions, CallOptions {}

/**
 * The one thing that stands between a `Kv` and the store, and so the one thing that decorators wrap: take a
 * `KvExecutor`, return {@link kvFrom} of another.
 */
export interface KvExecutor extends KeySpace {
  /**
   * Carries out one op.
   *
   * Ops are made by `op.range`, `op.put` and so on, which check what they are given; of an op made by hand only its type
   * and its bytes are checked. The op is the executor's from here on and stays as it is.
   *
   * @throws (rejects) `EtcdError` for every failure, with `outcome` if the op writes; `call.signal.reason` when aborted;
   * `TypeError` for something that is no op.
   */
  execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>>;

  /**
   * Reads a range in chunks, all of one revision: `kvs` of the chunks follow one another in key order; `header`,
   * `more` and `count` are filled in on the last chunk only. `call.timeoutMs` (default 10 s) limits the wait for each
   * chunk. Leaving the loop ends the request.
   *
   * An executor that cannot stream has no such method; a server that cannot (etcd before 3.7, etcd's gRPC proxy)
   * makes it throw `UNIMPLEMENTED`.
   *
   * @param op - Without `sort` and revision bounds: `TypeError`.
   */
  stream?(op: RangeOp, call?: CallOptions): AsyncIterable<RangeResult>;
}

/** The reading half of a {@link Kv}. A function that takes it says that it does not write. */
export interface ReadonlyKv {
  /**
   * Reads one key; `undefined` when it does not exist. Use {@link ReadonlyKv.range} to learn at which revision it does
   * not.
   *
   * @throws (rejects) `EtcdError` `COMPACTED` or `FUTURE_REV` for a `revision` that cannot be read, `EMPTY_KEY`,
   * `PERMISSION_DENIED`; `TypeError`, `RangeError` for bad arguments; `options.signal.reason` when aborted.
   */
  get(key: BytesLike, options?: GetOptions): Promise<KeyValue | undefined>;

  /**
   * Reads one key or many in one answer. Where there may be more than some thousand, {@link ReadonlyKv.scan} keeps
   * answers and memory small.
   *
   * @throws (rejects) As {@link ReadonlyKv.get}.
   */
  range(keys: KeyOrRange, options?: RangeOptions): Promise<RangeResult>;

  /**
   * Reads any number of keys in ascending order, in batches that are never empty, all as of one revision whatever is
   * written meanwhile: `options.revision`, else that of the first answer. Streams where the server can (etcd 3.7), asks
   * for page after page where it cannot, and goes on in pages when a stream breaks.
   *
   * To be iterated once. Leaving the loop ends the request. A scan that takes so long that its revision is compacted
   * rejects with `COMPACTED`. With `serializable`, a member that lags behind the first one may answer `FUTURE_REV`.
   *
   * @throws `TypeError`, `RangeError` for bad arguments, at the call; all else when iterated, as
   * {@link ReadonlyKv.get}.
   */
  scan(range: KeyRange, options?: ScanOptions): AsyncIterable<readonly KeyValue[]>;
}

/**
 * A key-value store: everything that can be said about keys in one request, and {@link ReadonlyKv.scan}.
 *
 * Strings are taken as UTF-8 and bytes are copied before a method returns, so that later changes to them do not matter.
 * Bad arguments reject with `TypeError` or `RangeError`, never with a request sent. A rejected write says in `outcome`
 * whether it may have been applied; see `outcomeOf`. Methods do not depend on `this`.
 */
export interface Kv extends KvExecutor, ReadonlyKv {
  /**
   * Writes one key. An unset `leaseId` unties the key from its lease.
   *
   * @throws (rejects) `EtcdError` `LEASE_NOT_FOUND`; `KEY_NOT_FOUND` with `ignoreValue` or `ignoreLease`; `EMPTY_KEY`;
   * `REQUEST_TOO_LARGE` above the server's limit, 1.5 MiB unless configured; `NO_SPACE`; `PERMISSION_DENIED`.
   */
  put(key: BytesLike, value: BytesLike, options?: PutOptions): Promise<PutResult>;
  /** Writes the lease of one key and keeps its value. */
  put(key: BytesLike, value: undefined, options: KeepValueOptions & CallOptions): Promise<PutResult>;

  /**
   * Deletes one key or many; `deleted` says how many there were. An empty prefix is refused, since it is seldom meant:
   * to delete every key, say `{ from: "\0" }`.
   *
   * @throws (rejects) `EtcdError` `EMPTY_KEY`, `PERMISSION_DENIED`.
   */
  delete(keys: KeyOrRange, options?: DeleteOptions): Promise<DeleteResult>;

  /**
   * Compares, then does one list of operations or the other, in order, at one revision, all or nothing. A compare that
   * does not hold is an answer (`succeeded: false`), not an error. Compares of transactions inside look at the store as
   * it was before any of it was done.
   *
   * @throws (rejects) `EtcdError` `DUPLICATE_KEY` when a list writes a key twice, `TOO_MANY_OPS` above the server's
   * limit, 128 per list unless configured; and whatever its operations throw, in which case none of them was done. One
   * exception: refused for the `revision` of a read (`COMPACTED`, `FUTURE_REV`), it has the outcome `unknown`, since
   * members before 3.7 do the rest of it all the same when another member was asked (etcd issue 18667). Leave `revision`
   * out of reads beside writes.
   */
  txn<const S extends readonly BranchOp[] = readonly [], const F extends readonly BranchOp[] = readonly []>(
    parts: TxnParts<S, F>,
    call?: CallOptions,
  ): Promise<TxnResult<S, F>>;

  /**
   * Drops the history below a revision: older revisions cannot be read or watched any more, current values stay.
   *
   * @throws (rejects) `EtcdError` `COMPACTED` when that was done already, `FUTURE_REV` when the revision is still to
   * come.
   */
  compact(revision: bigint, options?: CompactOptions): Promise<CompactResult>;
}
