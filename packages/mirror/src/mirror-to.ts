import type { BytesLike, Clock, KvExecutor } from "@etcdkit/core";
import {
  type Check,
  callChecks,
  checkBytesLike,
  checkClock,
  checkFlag,
  checkKv,
  checkOneOf,
  checkOptions,
  checkPositiveInteger,
  checkRevision,
  optionTable,
  toBytes,
} from "@etcdkit/core/spi";
import { checkSource, type MirrorSource } from "./mirror.js";
import { MirrorRun } from "./mirror-run.js";
import type { MirrorProgress } from "./progress.js";

/** What is mirrored to. */
export interface MirrorDestination {
  readonly kv: KvExecutor;
}

/** Options of {@link mirrorTo}. */
export interface MirrorToOptions {
  /** The keys of the source to mirror: those that begin with it; `""`: all. */
  readonly prefix: BytesLike;
  /** What the mirrored keys begin with in the destination, in place of `prefix`. Default: `prefix`. */
  readonly destinationPrefix?: BytesLike | undefined;
  /**
   * The key of the destination in which the mirror keeps how far it is, written by the same transactions as what it mirrors.
   * Each mirror needs one of its own. It should lie outside the mirrored keys; a source key that would be mirrored to it is
   * left out. Where both sides are one cluster it must not begin with `prefix`: mirroring it would write it again, for ever.
   */
  readonly checkpointKey: BytesLike;
  /**
   * Where to begin when there is no checkpoint yet, from 1: without a base, with what happened at this revision. Default: a
   * base comes first.
   */
  readonly startRevision?: bigint | undefined;
  /**
   * Whether a base deletes what the destination has under its prefix and the source has not. `false` leaves it there for
   * ever; `true` deletes it. Left out: without a checkpoint, a destination that has any keys under the prefix is refused
   * (`FAILED_PRECONDITION`), and bases delete, so that nothing but what the mirror itself has written is ever deleted.
   */
  readonly deleteExtra?: boolean | undefined;
  /**
   * What happens when the source no longer has all changes since the checkpoint: `"resync"` compares source and destination
   * anew, `"throw"` ends with `COMPACTED`. Default `"resync"`.
   */
  readonly onCompacted?: "resync" | "throw" | undefined;
  /** The destination's `--max-txn-ops`, from 2. Default 128. */
  readonly maxTxnOps?: number | undefined;
  /**
   * The largest transaction, in bytes of keys and values and some overhead: not above the destination's
   * `--max-request-bytes`. Default 1.5 MiB, as there. A single key may exceed it, and is left to the server to judge.
   */
  readonly maxTxnBytes?: number | undefined;
  /** Ends the mirror, which then throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Where time comes from. Default: the monotonic clock of the process. For tests. */
  readonly clock?: Clock | undefined;
}

function checkTxnOps(value: unknown, name: string): void {
  checkPositiveInteger(value, name);
  if (value < 2) throw new RangeError(`${name} must be at least 2: the checkpoint takes one`);
}

const checks: Record<keyof MirrorToOptions, Check> = {
  prefix: checkBytesLike,
  destinationPrefix: checkBytesLike,
  checkpointKey: checkBytesLike,
  startRevision: checkRevision,
  deleteExtra: checkFlag,
  onCompacted: checkOneOf(["resync", "throw"]),
  maxTxnOps: checkTxnOps,
  maxTxnBytes: checkPositiveInteger,
  signal: callChecks.signal,
  clock: checkClock,
};
const table = optionTable("mirrorTo", checks);

/**
 * Copies keys to another cluster, or another prefix, and keeps the copy up to date. Each revision of the source becomes one
 * transaction of the destination, in order and once, so that the destination always is what the source was at some
 * revision. The checkpoint is part of these transactions: a mirror that was stopped in any way goes on where it was.
 *
 * Iterate it to run it, and to hear of its progress; nothing happens without. Leaving the loop stops it between two
 * transactions; so does closing the source's watcher. Clusters that cannot be reached are waited for. To be iterated once.
 *
 * What is not mirrored: leases (a key whose lease ends in the source is deleted in the destination by the mirror),
 * revisions and versions, and the history before the base. While a base is copied the destination is between two states:
 * `phase` in the checkpoint's JSON says so. A revision of more than 4032 keys (with `maxTxnOps` 128) or of more than
 * `maxTxnBytes` takes several transactions.
 *
 * @throws `TypeError`, `RangeError` that name the argument that cannot be used; when iterated: the same where
 * `checkpointKey` holds something else, or the checkpoint of another mirror; `EtcdError` `FAILED_PRECONDITION` where the
 * destination is not empty, see `deleteExtra`; `NOT_HOLDER` when another mirror took over (the one that began last wins);
 * `HISTORY_REPLACED`, `CLUSTER_CHANGED` when the source is not the store that was mirrored, `COMPACTED` with
 * `onCompacted: "throw"`; `REQUEST_TOO_LARGE`, `TOO_MANY_OPS`, `MESSAGE_TOO_LARGE` where the destination's limits are lower
 * than the options say, or a value does not fit; `EMPTY_KEY` for a key that is just `prefix`, without a destination prefix;
 * `PERMISSION_DENIED`, `AUTH_FAILED`, `TLS`, `PROTOCOL`, `CLOSED` on either side; `options.signal.reason`.
 */
export function mirrorTo(
  source: MirrorSource,
  destination: MirrorDestination,
  options: MirrorToOptions,
): AsyncIterable<MirrorProgress> {
  checkSource(source);
  checkKv(destination?.kv, "destination.kv");
  checkOptions(table, options);
  const prefix = toBytes(options?.prefix, "prefix");
  const { destinationPrefix = prefix, checkpointKey } = options;
  const route = { prefix, destinationPrefix: toBytes(destinationPrefix, "destinationPrefix") };
  const key = toBytes(checkpointKey, "checkpointKey");
  if (key.length === 0) throw new RangeError("checkpointKey must not be empty");
  return new MirrorRun(source, destination.kv, route, key, options).start();
}
