import { type BytesLike, isBytesLike } from "../bytes.js";
import type { CallOptions } from "../call-options.js";
import type { KeyValue } from "../gen/mvccpb/kv_pb.js";
import { type KeyOrRange, type KeyRange, toWireRange } from "../key-range.js";
import { callOf, checkOptions } from "../options.js";
import { buildCompact, buildDelete, buildPut, buildRange, buildTxn } from "./build-op.js";
import type {
  CompactOptions,
  DeleteOptions,
  GetOptions,
  Kv,
  KvExecutor,
  PutOptions,
  RangeOptions,
} from "./kv.js";
import type { BranchOp, Op, RangeOp, TxnParts } from "./op.js";
import { type KeepValueOptions, methodTables, type ScanOptions } from "./op-options.js";
import type { CompactResult, DeleteResult, PutResult, RangeResult, ResultOf, TxnResult } from "./results.js";
import { scanPages } from "./scan.js";

/**
 * Makes the whole {@link Kv} out of an executor: every method becomes one op, carried out by `executor.execute`, so
 * that what a decorator does to `execute` it does to all of them. Only `scan` may also use `executor.stream`.
 */
export function kvFrom(executor: KvExecutor): Kv {
  async function execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    checkOptions(methodTables.execute, call);
    return await executor.execute(op, call);
  }

  async function get(key: BytesLike, options?: GetOptions): Promise<KeyValue | undefined> {
    checkOptions(methodTables.get, options);
    // One key only: a range here would answer with an arbitrary one of many.
    if (!isBytesLike(key)) throw new TypeError("key must be a string or a Uint8Array");
    const result = await executor.execute(buildRange(key, options), callOf(options));
    return result.kvs[0];
  }

  async function range(keys: KeyOrRange, options?: RangeOptions): Promise<RangeResult> {
    checkOptions(methodTables.range, options);
    return await executor.execute(buildRange(keys, options), callOf(options));
  }

  function scan(keys: KeyRange, options?: ScanOptions): AsyncIterable<readonly KeyValue[]> {
    checkOptions(methodTables.scan, options);
    if (isBytesLike(keys)) throw new TypeError("range must be a range ({ prefix } or { from, to })");
    return scanPages(executor, toWireRange(keys, "range"), options);
  }

  function put(key: BytesLike, value: BytesLike, options?: PutOptions): Promise<PutResult>;
  function put(key: BytesLike, value: undefined, options: KeepValueOptions & CallOptions): Promise<PutResult>;
  async function put(key: BytesLike, value: BytesLike | undefined, options?: PutOptions): Promise<PutResult> {
    checkOptions(methodTables.put, options);
    return await executor.execute(buildPut(key, value, options), callOf(options));
  }

  async function remove(keys: KeyOrRange, options?: DeleteOptions): Promise<DeleteResult> {
    checkOptions(methodTables.delete, options);
    return await executor.execute(buildDelete(keys, options), callOf(options));
  }

  async function txn<const S extends readonly BranchOp[], const F extends readonly BranchOp[]>(
    parts: TxnParts<S, F>,
    call?: CallOptions,
  ): Promise<TxnResult<S, F>> {
    checkOptions(methodTables.txn, call);
    return await executor.execute(buildTxn(parts), callOf(call));
  }

  async function compact(revision: bigint, options?: CompactOptions): Promise<CompactResult> {
    checkOptions(methodTables.compact, options);
    return await executor.execute(buildCompact(revision, options), callOf(options));
  }

  const open = executor.stream?.bind(executor);
  return {
    execute,
    ...(open !== undefined && {
      stream(op: RangeOp, call?: CallOptions): AsyncIterable<RangeResult> {
        checkOptions(methodTables.stream, call);
        return open(op, call);
      },
    }),
    get,
    range,
    scan,
    put,
    delete: remove,
    txn,
    compact,
  };
}
