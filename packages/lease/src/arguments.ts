import { callChecks, checkClock, checkFlag, checkId, type OptionTable, optionTable } from "@etcdkit/core/spi";

/** The longest that etcd grants, in seconds (etcd `lease.MaxLeaseTTL`). */
const longestTtlSeconds = 9_000_000_000;

/** Refuses what is no time to live. */
export function checkTtl(value: unknown, name: string): asserts value is number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if (!Number.isInteger(value) || value < 1 || value > longestTtlSeconds) {
    throw new RangeError(`${name} must be a whole number of seconds from 1 to ${longestTtlSeconds}`);
  }
}

/** What each method takes in its options. */
export const tables: Readonly<
  Record<
    | "createLeases"
    | "grant"
    | "revoke"
    | "timeToLive"
    | "list"
    | "keepAliveOnce"
    | "keepAlive"
    | "openLease"
    | "adoptLease",
    OptionTable
  >
> = {
  createLeases: optionTable("createLeases", { clock: checkClock }),
  grant: optionTable("grant", { ...callChecks, id: checkId }),
  revoke: optionTable("revoke", callChecks),
  timeToLive: optionTable("timeToLive", { ...callChecks, keys: checkFlag }),
  list: optionTable("list", callChecks),
  keepAliveOnce: optionTable("keepAliveOnce", callChecks),
  keepAlive: optionTable("keepAlive", { signal: callChecks.signal, requireLeader: checkFlag }),
  openLease: optionTable("openLease", { ...callChecks, ttlSeconds: checkTtl, id: checkId }),
  adoptLease: optionTable("adoptLease", { signal: callChecks.signal }),
};
