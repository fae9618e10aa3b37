import { type BytesLike, isBytes, isBytesLike, toBytes } from "../bytes.js";
import { checkRevision } from "../integers.js";
import { type KeyOrRange, toWireRange } from "../key-range.js";
import { checkOptions } from "../options.js";
import { copyCompare } from "./compare.js";
import type { BranchOp, CompactOp, DeleteOp, PutOp, RangeOp, Sort, SortBy, TxnOp, TxnParts } from "./op.js";
import {
  type CompactOpOptions,
  type DeleteOpOptions,
  type Extreme,
  type KeepValueOptions,
  opTables,
  type PutOpOptions,
  type RangeOpOptions,
} from "./op-options.js";
import { isOwn, markOwn } from "./own-op.js";

// The builders take options whose names and types were checked, by the table of whoever was called, and check what is
// left: how options and arguments go together. Fields that were left out stay absent, so that an op is what it says.

/** A type of an op under construction. */
type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** Builds a range op from checked options. */
export function buildRange(keys: KeyOrRange, options: RangeOpOptions | undefined): RangeOp {
  const draft: Draft<RangeOp> = { type: "range", ...toWireRange(keys) };
  if (options === undefined) return draft;
  const chosen = chooseOne(options);
  const limit = chosen === undefined ? options.limit : 1;
  const sort = chosen ?? explicitSort(options.sort?.by, options.sort?.order);
  if (limit !== undefined) draft.limit = limit;
  if (sort !== undefined && !isServerOrder(sort)) draft.sort = sort;
  if (options.revision !== undefined) draft.revision = options.revision;
  if (options.serializable === true) draft.serializable = true;
  if (options.keysOnly === true) draft.keysOnly = true;
  if (options.countOnly === true) draft.countOnly = true;
  checkBounds(options.minModRevision, options.maxModRevision, "ModRevision");
  checkBounds(options.minCreateRevision, options.maxCreateRevision, "CreateRevision");
  if (options.minModRevision !== undefined) draft.minModRevision = options.minModRevision;
  if (options.maxModRevision !== undefined) draft.maxModRevision = options.maxModRevision;
  if (options.minCreateRevision !== undefined) draft.minCreateRevision = options.minCreateRevision;
  if (options.maxCreateRevision !== undefined) draft.maxCreateRevision = options.maxCreateRevision;
  return draft;
}

function chooseOne(options: RangeOpOptions): Sort | undefined {
  const { first, last } = options;
  const by: Extreme | undefined = first ?? last;
  if (by === undefined) return undefined;
  const name = first === undefined ? "last" : "first";
  if (first !== undefined && last !== undefined) throw new TypeError("first and last exclude each other");
  if (options.sort !== undefined) throw new TypeError(`${name} and sort exclude each other`);
  if (options.limit !== undefined) throw new TypeError(`${name} and limit exclude each other`);
  return { by, order: name === "first" ? "ascending" : "descending" };
}

function explicitSort(by: SortBy | undefined, order: Sort["order"] = "ascending"): Sort | undefined {
  // Never without an order: etcd then cuts the answer at the limit before it sorts.
  return by === undefined ? undefined : { by, order };
}

/** Ascending keys come by themselves; asked for explicitly, they make the server read the whole range first. */
function isServerOrder(sort: Sort): boolean {
  return sort.by === "key" && sort.order === "ascending";
}

function checkBounds(min: bigint | undefined, max: bigint | undefined, name: string): void {
  if (min !== undefined && max !== undefined && min > max) {
    throw new RangeError(`min${name} must not be greater than max${name}`);
  }
}

/** Builds a put op from checked options. */
export function buildPut(
  key: BytesLike,
  value: BytesLike | undefined,
  options: PutOpOptions | undefined,
): PutOp {
  const ignoreValue = options?.ignoreValue === true;
  const draft: Draft<PutOp> = {
    type: "put",
    key: toBytes(key, "key"),
    value: value === undefined && ignoreValue ? new Uint8Array() : toBytes(value as BytesLike, "value"),
  };
  if (options === undefined) return draft;
  if (ignoreValue && draft.value.length > 0)
    throw new TypeError("ignoreValue and a value exclude each other");
  if (options.ignoreLease === true && options.leaseId !== undefined) {
    throw new TypeError("ignoreLease and leaseId exclude each other");
  }
  if (options.leaseId !== undefined) draft.leaseId = options.leaseId;
  if (options.prevKv === true) draft.prevKv = true;
  if (ignoreValue) draft.ignoreValue = true;
  if (options.ignoreLease === true) draft.ignoreLease = true;
  return draft;
}

/** Builds a delete op from checked options. */
export function buildDelete(keys: KeyOrRange, options: DeleteOpOptions | undefined): DeleteOp {
  const range = toWireRange(keys);
  if (!isBytesLike(keys) && keys.to === undefined && (keys.prefix ?? keys.from).length === 0) {
    throw new TypeError(
      `key.${keys.prefix === undefined ? "from" : "prefix"} must not be empty: ` +
        String.raw`to delete every key, say { from: "\0" }`,
    );
  }
  return options?.prevKv === true ? { type: "delete", ...range, prevKv: true } : { type: "delete", ...range };
}

/** Builds a transaction. */
export function buildTxn<S extends readonly BranchOp[], F extends readonly BranchOp[]>(
  parts: TxnParts<S, F>,
): TxnOp<S, F> {
  if (typeof parts !== "object" || parts === null || Array.isArray(parts)) {
    throw new TypeError("txn must be an object ({ compare, success, failure })");
  }
  for (const part of Object.keys(parts)) {
    if (part !== "compare" && part !== "success" && part !== "failure") {
      throw new TypeError(`unknown property "${part}" of txn`);
    }
  }
  const compare = list(parts.compare, "compare").map((one, i) => copyCompare(one, `compare[${i}]`));
  return {
    type: "txn",
    compare,
    success: branch(parts.success, "success"),
    failure: branch(parts.failure, "failure"),
  };
}

function list<T>(items: readonly T[] | undefined, name: string): readonly T[] {
  if (items === undefined) return [];
  if (!Array.isArray(items)) throw new TypeError(`${name} must be an array`);
  return items;
}

function branch<Ops extends readonly BranchOp[]>(ops: Ops | undefined, name: string): Ops {
  const copies = [...list(ops, name)].map((one: BranchOp | undefined, i) => {
    const type = typeof one === "object" && one !== null && "type" in one ? one.type : undefined;
    if (one === undefined || (type !== "range" && type !== "put" && type !== "delete" && type !== "txn")) {
      throw new TypeError(`${name}[${i}] must be a range, put, delete or txn op`);
    }
    return isOwn(one) ? one : copyOp(one, `${name}[${i}]`);
  });
  return copies as readonly BranchOp[] as Ops;
}

/** Copies an op that its caller made by hand, and may change while the call waits. */
function copyOp(original: BranchOp, name: string): BranchOp {
  switch (original.type) {
    case "txn": {
      const { compare, success, failure } = original;
      return buildTxn({ compare, success, failure });
    }
    case "put":
      return {
        ...original,
        key: copyBytes(original.key, `${name}.key`),
        value: copyBytes(original.value, `${name}.value`),
      };
    default: {
      const { key, rangeEnd } = original;
      return {
        ...original,
        key: copyBytes(key, `${name}.key`),
        ...(rangeEnd !== undefined && { rangeEnd: copyBytes(rangeEnd, `${name}.rangeEnd`) }),
      };
    }
  }
}

function copyBytes(bytes: Uint8Array, name: string): Uint8Array {
  if (!isBytes(bytes)) throw new TypeError(`${name} must be a Uint8Array`);
  return toBytes(bytes, name);
}

/** Builds a compaction from checked options. */
export function buildCompact(revision: bigint, options: CompactOpOptions | undefined): CompactOp {
  checkRevision(revision, "revision");
  return options?.physical === true
    ? { type: "compact", revision, physical: true }
    : { type: "compact", revision };
}

function put(key: BytesLike, value: BytesLike, options?: PutOpOptions): PutOp;
function put(key: BytesLike, value: undefined, options: KeepValueOptions): PutOp;
function put(key: BytesLike, value: BytesLike | undefined, options?: PutOpOptions): PutOp {
  checkOptions(opTables.put, options);
  return markOwn(buildPut(key, value, options));
}

/**
 * Requests to the key-value store as plain data: the parts of a transaction, and what `execute` takes. They hold copies
 * of the bytes they were given; a transaction copies those of ops that were made by hand. Bad arguments throw `TypeError` or `RangeError`.
 */
export const op: {
  /** Reads a key or a range. */
  range(keys: KeyOrRange, options?: RangeOpOptions): RangeOp;
  /** Writes a key; with `ignoreValue` only its lease. */
  put(key: BytesLike, value: BytesLike, options?: PutOpOptions): PutOp;
  /** Writes the lease of a key and keeps its value. */
  put(key: BytesLike, value: undefined, options: KeepValueOptions): PutOp;
  /** Deletes a key or a range. To delete every key, say `{ from: "\0" }`: an empty prefix is refused. */
  delete(keys: KeyOrRange, options?: DeleteOpOptions): DeleteOp;
  /** A transaction, also one inside another. The types of its lists carry over to the types of its answers. */
  txn<const S extends readonly BranchOp[] = readonly [], const F extends readonly BranchOp[] = readonly []>(
    parts: TxnParts<S, F>,
  ): TxnOp<S, F>;
  /** Drops the history below a revision, which stays readable itself. Not inside a transaction. */
  compact(revision: bigint, options?: CompactOpOptions): CompactOp;
} = {
  range(keys, options) {
    checkOptions(opTables.range, options);
    return markOwn(buildRange(keys, options));
  },
  put,
  delete(keys, options) {
    checkOptions(opTables.delete, options);
    return markOwn(buildDelete(keys, options));
  },
  txn: (parts) => markOwn(buildTxn(parts)),
  compact(revision, options) {
    checkOptions(opTables.compact, options);
    return buildCompact(revision, options);
  },
};
