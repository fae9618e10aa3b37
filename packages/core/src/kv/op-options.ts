import type { CallOptions } from "../call-options.js";
import { checkId, checkPositiveInteger, checkRevision } from "../integers.js";
import {
  type Check,
  callChecks,
  checkFlag,
  checkOneOf,
  checkOptions,
  type OptionTable,
  optionTable,
} from "../options.js";
import type { SortBy } from "./op.js";

/** By what the one first or last key of a range is chosen. */
export type Extreme = "key" | "created" | "modified";

/** Options of a read of one key. */
export interface GetOpOptions {
  /**
   * Reads the store as it was at this revision, from 1. Left out: the newest.
   * Errors: `COMPACTED` when its history is gone, `FUTURE_REV` when it is still to come.
   */
  readonly revision?: bigint | undefined;
  /**
   * Lets the member that is asked answer from its own data, which may be stale, without asking the others: faster, and
   * works without a quorum. Default `false`: the answer reflects every write that was acknowledged before the call.
   */
  readonly serializable?: boolean | undefined;
  /** Leaves values out: every `value` is empty, and from etcd 3.7 on every `lease` is `0n`. Default `false`. */
  readonly keysOnly?: boolean | undefined;
}

/** Options of a read of keys. */
export interface RangeOpOptions extends GetOpOptions {
  /** At most this many keys, from 1; `more` tells whether there are others. Left out: all. */
  readonly limit?: number | undefined;
  /** Order of the answer. Default: ascending keys. `order` defaults to `"ascending"`. */
  readonly sort?:
    | { readonly by: SortBy; readonly order?: "ascending" | "descending" | undefined }
    | undefined;
  /** Only the one key that comes first by key, creation or last write. Excludes `last`, `sort` and `limit`. */
  readonly first?: Extreme | undefined;
  /** Only the one key that comes last by key, creation or last write. Excludes `first`, `sort` and `limit`. */
  readonly last?: Extreme | undefined;
  /** Only `count`, no keys; wins over `keysOnly`. Default `false`. */
  readonly countOnly?: boolean | undefined;
  /** Only keys that were last written at this revision or later. `count` counts the others too. */
  readonly minModRevision?: bigint | undefined;
  /** Only keys that were last written at this revision or earlier. `count` counts the others too. */
  readonly maxModRevision?: bigint | undefined;
  /** Only keys that were created at this revision or later. `count` counts the others too. */
  readonly minCreateRevision?: bigint | undefined;
  /** Only keys that were created at this revision or earlier. `count` counts the others too. */
  readonly maxCreateRevision?: bigint | undefined;
}

/** Options of a write of one key. */
export interface PutOpOptions {
  /**
   * Ties the key to this lease: the key is deleted when the lease ends. Left out: tied to none, also if it was before.
   * Error: `LEASE_NOT_FOUND`.
   */
  readonly leaseId?: bigint | undefined;
  /** Answers with the pair that was overwritten. Default `false`. */
  readonly prevKv?: boolean | undefined;
  /** Keeps the value that the key has; pass `undefined` as value. The key must exist (`KEY_NOT_FOUND`). */
  readonly ignoreValue?: boolean | undefined;
  /** Keeps the lease that the key has; excludes `leaseId`. The key must exist (`KEY_NOT_FOUND`). */
  readonly ignoreLease?: boolean | undefined;
}

/** Options of a write that changes only the lease of a key. */
export interface KeepValueOptions extends PutOpOptions {
  readonly ignoreValue: true;
}

/** Options of a deletion. */
export interface DeleteOpOptions {
  /** Answers with the pairs that were deleted. Default `false`. */
  readonly prevKv?: boolean | undefined;
}

/** Options of a compaction. */
export interface CompactOpOptions {
  /**
   * Answers only when the history is gone from the member's storage, which may take long: such a call has no deadline
   * unless `timeoutMs` sets one. Default `false`.
   */
  readonly physical?: boolean | undefined;
}

/** Options of {@link Kv.scan}. */
export interface ScanOptions extends GetOpOptions, CallOptions {
  /** Keys per page where the server does not stream, and in the first page. Default 1000. */
  readonly pageSize?: number | undefined;
  /** The longest wait for one page, in milliseconds; the whole scan has no limit. Default 10 000. */
  readonly timeoutMs?: number | undefined;
}

const checkSortBy = checkOneOf(["key", "version", "created", "modified", "value"]);
const checkSortOrder = checkOneOf(["ascending", "descending"]);
const checkExtreme = checkOneOf(["key", "created", "modified"]);
const sortTable = optionTable("sort", {
  by: (value) => checkSortBy(value, "sort.by"),
  order: (value) => checkSortOrder(value, "sort.order"),
});

function checkSort(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null) throw new TypeError(`${name} must be an object`);
  checkOptions(sortTable, value);
  if (!("by" in value) || value.by === undefined) throw new TypeError(`${name} must have a by`);
}

const getChecks: Record<keyof GetOpOptions, Check> = {
  revision: checkRevision,
  serializable: checkFlag,
  keysOnly: checkFlag,
};
const rangeChecks: Record<keyof RangeOpOptions, Check> = {
  ...getChecks,
  limit: checkPositiveInteger,
  sort: checkSort,
  first: checkExtreme,
  last: checkExtreme,
  countOnly: checkFlag,
  minModRevision: checkRevision,
  maxModRevision: checkRevision,
  minCreateRevision: checkRevision,
  maxCreateRevision: checkRevision,
};
const putChecks: Record<keyof PutOpOptions, Check> = {
  leaseId: checkId,
  prevKv: checkFlag,
  ignoreValue: checkFlag,
  ignoreLease: checkFlag,
};
const deleteChecks: Record<keyof DeleteOpOptions, Check> = { prevKv: checkFlag };
const compactChecks: Record<keyof CompactOpOptions, Check> = { physical: checkFlag };
const scanChecks: Record<keyof ScanOptions, Check> = {
  ...getChecks,
  ...callChecks,
  pageSize: checkPositiveInteger,
};

/** Tables of the op constructors, which take what concerns the op. */
export const opTables: Readonly<Record<"range" | "put" | "delete" | "compact", OptionTable>> = {
  range: optionTable("op.range", rangeChecks),
  put: optionTable("op.put", putChecks),
  delete: optionTable("op.delete", deleteChecks),
  compact: optionTable("op.compact", compactChecks),
};

/** Tables of the methods of a `Kv`, which take what concerns the call as well. */
export const methodTables: Readonly<
  Record<"execute" | "stream" | "get" | "range" | "put" | "delete" | "txn" | "compact" | "scan", OptionTable>
> = {
  execute: optionTable("execute", callChecks),
  stream: optionTable("stream", callChecks),
  get: optionTable("get", { ...getChecks, ...callChecks }),
  range: optionTable("range", { ...rangeChecks, ...callChecks }),
  put: optionTable("put", { ...putChecks, ...callChecks }),
  delete: optionTable("delete", { ...deleteChecks, ...callChecks }),
  txn: optionTable("txn", callChecks),
  compact: optionTable("compact", { ...compactChecks, ...callChecks }),
  scan: optionTable("scan", scanChecks),
};
