import type { Clock } from "@etcdkit/core";
import {
  type Check,
  callChecks,
  checkClock,
  checkPositiveInteger,
  type OptionTable,
  optionTable,
} from "@etcdkit/core/spi";

/** Options of {@link openLeasingKv}. */
export interface LeasingOptions {
  /**
   * How long the lease under which keys are owned lives without a renewal, in whole seconds, from 1; the server raises a short
   * one. So long at most others wait to write a key whose owner has died, and so long at most a cut link is survived without
   * losing what is in memory. Default 10.
   */
  readonly ttlSeconds?: number | undefined;
  /** How many keys are owned at most, from 1. Those that were not read for long are given up first. Default 100 000. */
  readonly maxKeys?: number | undefined;
  /** How much memory the owned keys and their values take at most, in bytes, from 1. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /**
   * For how long a call waits, in milliseconds, for owners to let go, for a lease to write under, or for other calls, unless
   * it sets a `timeoutMs` itself. Should be more than the `ttlSeconds` of any client. Default 30 000.
   */
  readonly waitTimeoutMs?: number | undefined;
  /**
   * How many operations fit into each list of a transaction, from 1: half of what the server allows (`--max-txn-ops`), since
   * guards take the other half. Longer ones are refused with `TOO_MANY_OPS`. Default 64.
   */
  readonly maxTxnOps?: number | undefined;
  /** Ends the opening, which rejects with its reason. What was opened is ended by `close()`. */
  readonly signal?: AbortSignal | undefined;
  /** Where time comes from. Default: the monotonic clock of the process. For tests. */
  readonly clock?: Clock | undefined;
}

const checks: Record<keyof LeasingOptions, Check> = {
  ttlSeconds: () => undefined, // openLease looks at it
  maxKeys: checkPositiveInteger,
  maxBytes: checkPositiveInteger,
  waitTimeoutMs: callChecks.timeoutMs,
  maxTxnOps: checkPositiveInteger,
  signal: callChecks.signal,
  clock: checkClock,
};

/** What {@link openLeasingKv} takes. */
export const leasingTable: OptionTable = optionTable("openLeasingKv", checks);
