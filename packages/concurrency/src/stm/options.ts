import type { BytesLike, CallOptions, Clock } from "@etcdkit/core";
import {
  callChecks,
  checkClock,
  checkKv,
  checkOneOf,
  checkOptions,
  optionTable,
  toBytes,
} from "@etcdkit/core/spi";
import { type Isolation, isolationRules } from "./isolation.js";

/** Options of {@link stm}. */
export interface StmOptions extends Pick<CallOptions, "signal" | "requireLeader" | "headers"> {
  /** How far the transaction is kept apart from others. Default `"serializable-snapshot"`. */
  readonly isolation?: Isolation | undefined;
  /**
   * Keys that are read in one request at the beginning of each attempt, since `apply` is going to need them. They count as
   * read only when it does. Default: none.
   */
  readonly prefetch?: readonly BytesLike[] | undefined;
  /**
   * How often `apply` may run before the transaction gives up with `CONFLICT`, from 1. Default 1000; `Infinity` never gives
   * up.
   */
  readonly maxAttempts?: number | undefined;
  /**
   * The longest that all attempts together may take, in milliseconds. Default `Infinity`; each request has the time limit
   * of the connection all the same.
   */
  readonly timeoutMs?: number | undefined;
  /** Where time comes from. Default: the monotonic clock of the process. For tests. */
  readonly clock?: Clock | undefined;
}

/** Refuses bad arguments of {@link stm}. */
export function checkArguments(kv: unknown, apply: unknown, options: StmOptions | undefined): void {
  checkKv(kv, "kv");
  if (typeof apply !== "function") throw new TypeError("apply must be a function");
  checkOptions(table, options);
}

const { signal, requireLeader, headers, timeoutMs } = callChecks;

const table = optionTable("stm", {
  signal,
  requireLeader,
  headers,
  timeoutMs,
  isolation: checkOneOf(Object.keys(isolationRules)),
  prefetch: (value, name) => prefetchKeys(value, name),
  maxAttempts: checkMaxAttempts,
  clock: checkClock,
});

/** Copies the keys to prefetch. */
export function prefetchKeys(keys: unknown, name = "prefetch"): readonly Uint8Array[] {
  if (!Array.isArray(keys)) throw new TypeError(`${name} must be an array of keys`);
  return keys.map((key: BytesLike, i) => toBytes(key, `${name}[${i}]`));
}

function checkMaxAttempts(value: unknown, name: string): void {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (value !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(value) && value > 0)) {
    throw new RangeError(`${name} must be a positive integer or Infinity`);
  }
}
