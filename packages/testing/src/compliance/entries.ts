import {
  type BranchOp,
  type BytesLike,
  type DeleteOpOptions,
  type DeleteResult,
  type KeyOrRange,
  type Kv,
  op,
  type PutOpOptions,
  type PutResult,
  type RangeOpOptions,
  type RangeResult,
  type ResultOf,
  type TxnOp,
  type TxnResult,
} from "@etcdkit/core";

// What can be done by more than one way has to be the same by each of them: a decorator that minds one way and forgets
// another is the fault that these suites look for first.

/** Does one op as the only one of a transaction. */
async function alone<O extends BranchOp>(kv: Kv, one: O): Promise<ResultOf<O>> {
  const result: TxnResult = await kv.txn({ success: [one as BranchOp] });
  return result.responses[0] as ResultOf<O>;
}

/** Does one op as the only one of a transaction in a transaction. */
async function nested<O extends BranchOp>(kv: Kv, one: O): Promise<ResultOf<O>> {
  const result: TxnResult = await alone<TxnOp>(kv, op.txn({ success: [one as BranchOp] }));
  return result.responses[0] as ResultOf<O>;
}

type Read = (kv: Kv, keys: KeyOrRange, options?: RangeOpOptions) => Promise<RangeResult>;
type Write = (kv: Kv, key: BytesLike, value: BytesLike, options?: PutOpOptions) => Promise<PutResult>;
type Remove = (kv: Kv, keys: KeyOrRange, options?: DeleteOpOptions) => Promise<DeleteResult>;

/** The ways to read. */
export const reads: readonly (readonly [name: string, read: Read])[] = [
  ["range", (kv, keys, options) => kv.range(keys, options)],
  ["execute", (kv, keys, options) => kv.execute(op.range(keys, options))],
  ["txn", (kv, keys, options) => alone(kv, op.range(keys, options))],
  ["a nested txn", (kv, keys, options) => nested(kv, op.range(keys, options))],
];

/** The ways to write. */
export const writes: readonly (readonly [name: string, write: Write])[] = [
  ["put", (kv, key, value, options) => kv.put(key, value, options)],
  ["execute", (kv, key, value, options) => kv.execute(op.put(key, value, options))],
  ["txn", (kv, key, value, options) => alone(kv, op.put(key, value, options))],
  ["a nested txn", (kv, key, value, options) => nested(kv, op.put(key, value, options))],
];

/** The ways to delete. */
export const removes: readonly (readonly [name: string, remove: Remove])[] = [
  ["delete", (kv, keys, options) => kv.delete(keys, options)],
  ["execute", (kv, keys, options) => kv.execute(op.delete(keys, options))],
  ["txn", (kv, keys, options) => alone(kv, op.delete(keys, options))],
  ["a nested txn", (kv, keys, options) => nested(kv, op.delete(keys, options))],
];
