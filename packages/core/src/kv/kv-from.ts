import { type BytesLike, checkBytesLike, isBytesLike } from "../bytes.js";
import type { CallOptions } from "../call-options.js";
import type { KeyValue } from "../gen/mvccpb/kv_pb.js";
import { type KeyOrRange, type KeyRange, toWireRange } from "../key-range.js";
import { callOf, checkOptions } from "../options.js";
import { buildCompact, buildDelete, buildPut, buildRange, buildTxn } from "./build-op.js";
import { checkStreamed } from "./check-streamed.js";
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
  function execute<O extends Op>(op: O, call?: CallOptions): Promise<ResultOf<O>> {
    return promised(() => {
      checkOptions(methodTables.execute, call);
      return executor.execute(op, call);
    });
  }

  function get(key: BytesLike, options?: GetOptions): Promise<KeyValue | undefined> {
    return promised(() => {
      checkOptions(methodTables.get, options);
      // One key only: a range here would answer with an arbitrary one of many.
      checkBytesLike(key, "key");
      return executor.execute(buildRange(key, options), callOf(options)).then(firstPair);
    });
  }

  function range(keys: KeyOrRange, options?: RangeOptions): Promise<RangeResult> {
    return promised(() => {
      checkOptions(methodTables.range, options);
      return executor.execute(buildRange(keys, options), callOf(options));
    });
  }

  function scan(keys: KeyRange, options?: ScanOptions): AsyncIterable<readonly KeyValue[]> {
    checkOptions(methodTables.scan, options);
    if (isBytesLike(keys)) throw new TypeError("range must be a range ({ prefix } or { from, to })");
    return scanPages(executor, toWireRange(keys, "range"), options);
  }

  function put(key: BytesLike, value: BytesLike, options?: PutOptions): Promise<PutResult>;
  function put(key: BytesLike, value: undefined, options: KeepValueOptions & CallOptions): Promise<PutResult>;
  function put(key: BytesLike, value: BytesLike | undefined, options?: PutOptions): Promise<PutResult> {
    return promised(() => {
      checkOptions(methodTables.put, options);
      return executor.execute(buildPut(key, value, options), callOf(options));
    });
  }

  function remove(keys: KeyOrRange, options?: DeleteOptions): Promise<DeleteResult> {
    return promised(() => {
      checkOptions(methodTables.delete, options);
      return executor.execute(buildDelete(keys, options), callOf(options));
    });
  }

  function txn<const S extends readonly BranchOp[], const F extends readonly BranchOp[]>(
    parts: TxnParts<S, F>,
    call?: CallOptions,
  ): Promise<TxnResult<S, F>> {
    return promised(() => {
      checkOptions(methodTables.txn, call);
      return executor.execute(buildTxn(parts), callOf(call));
    });
  }

  function compact(revision: bigint, options?: CompactOptions): Promise<CompactResult> {
    return promised(() => {
      checkOptions(methodTables.compact, options);
      return executor.execute(buildCompact(revision, options), callOf(options));
    });
  }

  const open = executor.stream?.bind(executor);
  const { keyPrefix } = executor;
  return {
    execute,
    ...(keyPrefix !== undefined && { keyPrefix }),
    ...(open !== undefined && {
      stream(op: RangeOp, call?: CallOptions): AsyncIterable<RangeResult> {
        checkOptions(methodTables.stream, call);
        checkStreamed(op);
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

/** What an async function does to what it throws, at a fraction of the cost; `begin` is not to await anything. */
function promised<T>(begin: () => Promise<T>): Promise<T> {
  try {
    return begin();
  } catch (error) {
    return Promise.reject(error);
  }
}

function firstPair({ kvs }: RangeResult): KeyValue | undefined {
  return kvs[0];
}
