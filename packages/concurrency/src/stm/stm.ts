import { EtcdError, type KvExecutor, outcomeOf, type ResponseHeader, systemClock } from "@etcdkit/core";
import { type BackOff, CallLimits, pauseMs, sleep } from "@etcdkit/core/spi";
import { Attempt } from "./attempt.js";
import { isolationRules } from "./isolation.js";
import { checkArguments, prefetchKeys, type StmOptions } from "./options.js";
import type { ReadSetup } from "./read-set.js";
import type { Snapshot } from "./snapshot.js";
import type { StmTransaction } from "./transaction.js";

/** What a committed transaction leaves behind. */
export interface StmResult<T> {
  /** What `apply` returned in the attempt that was committed. */
  readonly value: T;
  /** Of the commit: `revision` is that of the writes, and where nothing was written that at which the reads were right. */
  readonly header: ResponseHeader;
  /** How often `apply` was run: 1 without conflicts. */
  readonly attempts: number;
}

const defaultMaxAttempts = 1_000;

// A conflict brings along what the next attempt needs, so that the first ones follow at once. After that there is a crowd,
// and whoever waits for a moment lets others through.
const conflictsBeforePause = 3;
const backOff: BackOff = { baseMs: 2, capMs: 100, jitter: 1 };

/**
 * Runs a transaction: `apply` reads and writes keys as if it were alone, and its writes are done at one revision if nothing
 * that it relied on has changed meanwhile. Otherwise nothing is written, and `apply` is run again from the beginning, on
 * what the keys are then. So `apply` may run often, and must have no effect but its return value and what it does by `tx`.
 *
 * A transaction that only reads is confirmed in the same way. What transactions cannot see are new keys in a range: they
 * read single keys.
 *
 * @param kv - What `createKv` returned, or a decorator of that; `lock.guard(kv)` commits only while the lock is held.
 * @param apply - The transaction. What it throws ends the transaction, and nothing is written.
 * @throws (rejects) What `apply` throws, unchanged. `EtcdError` `CONFLICT` after `maxAttempts`, `DEADLINE` after `timeoutMs`,
 * `TOO_MANY_OPS` when more keys are read or written than a request may have operations (128 unless the server is configured
 * otherwise); and what reads and commits of the `kv` reject with. `options.signal.reason` when aborted. `TypeError`,
 * `RangeError` for bad arguments. A commit is never sent twice: if `outcomeOf(error)` is `"unknown"`, the writes may have
 * been done; in all other cases they have not.
 */
export async function stm<T>(
  kv: KvExecutor,
  apply: (tx: StmTransaction) => T | PromiseLike<T>,
  options: StmOptions = {},
): Promise<StmResult<T>> {
  checkArguments(kv, apply, options);
  const { isolation = "serializable-snapshot", prefetch = [], maxAttempts = defaultMaxAttempts } = options;
  const { timeoutMs = Number.POSITIVE_INFINITY, clock = systemClock, requireLeader, headers } = options;
  const prefetched = prefetchKeys(prefetch);
  const limits = new CallLimits("the transaction", { signal: options.signal, timeoutMs }, clock);
  const { signal } = limits;
  const call = { signal, requireLeader, headers };
  const setup: ReadSetup = { kv, call, rules: isolationRules[isolation] };
  let committing = false;
  let known: Snapshot | undefined;
  try {
    for (let attempts = 1; ; attempts++) {
      const attempt = new Attempt(setup, known);
      known = undefined;
      try {
        const value = await attempt.run(limits, prefetched, apply);
        signal.throwIfAborted();
        committing = true;
        const commit = await attempt.commit();
        committing = false;
        if (commit.succeeded) return { value, header: commit.header, attempts };
        known = commit.fresh;
      } catch (error) {
        // Before the commit nothing was written, and a later revision is as good.
        if (committing || !attempt.isOutdated) throw error;
      }
      if (attempts >= maxAttempts) throw conflict(attempts);
      if (attempts >= conflictsBeforePause) {
        await sleep(clock, pauseMs(backOff, attempts - conflictsBeforePause + 1), signal);
        // Others have written again by now.
        known = undefined;
      }
    }
  } catch (error) {
    throw limits.told(error, committing ? (outcomeOf(error) ?? "unknown") : "not-applied");
  } finally {
    limits.end();
  }
}

function conflict(attempts: number): EtcdError {
  const times = attempts === 1 ? "once" : `${attempts} times`;
  return new EtcdError("CONFLICT", `others changed what the transaction relied on, ${times}`, {
    outcome: "not-applied",
  });
}
