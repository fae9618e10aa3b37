import type {
  BytesLike,
  Clock,
  Event,
  KeyValue,
  KvExecutor,
  ResponseHeader,
  WatchOpener,
} from "@etcdkit/core";
import {
  callChecks,
  checkBytesLike,
  checkClock,
  checkKv,
  checkOneOf,
  checkOptions,
  checkServices,
  checkWatcher,
  optionTable,
  toBytes,
} from "@etcdkit/core/spi";
import { checkCheckpoint, type MirrorCheckpoint } from "./checkpoint.js";
import { follow } from "./follow.js";

/** What is mirrored from. Both speak of the same keys: either may be a decorator, such as a namespace, if both are. */
export interface MirrorSource {
  readonly kv: KvExecutor;
  readonly watcher: WatchOpener;
}

/** Options of {@link mirror}. */
export interface MirrorOptions {
  /** The keys to mirror: those that begin with it; `""`: all. */
  readonly prefix: BytesLike;
  /**
   * Where to go on: the `checkpoint` of a batch that was dealt with. `{ revision }` alone skips the base and begins with what
   * was written after that revision. Left out: the base comes first.
   */
  readonly from?: MirrorCheckpoint | undefined;
  /**
   * What happens when the source no longer has all changes since the last batch: `"resync"` begins with a new base,
   * `"throw"` ends with `COMPACTED`. Default `"resync"`.
   */
  readonly onCompacted?: "resync" | "throw" | undefined;
  /** Ends the mirror, which then throws `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Where time comes from. Default: the monotonic clock of the process. For tests. */
  readonly clock?: Clock | undefined;
}

/** A page of what the keys were at `revision`. */
export interface MirrorBaseBatch {
  readonly kind: "base";
  readonly header: ResponseHeader;
  /** The same for all pages of a base. */
  readonly revision: bigint;
  /** In ascending order of keys, within a page and from page to page. Empty only when the source has no keys. */
  readonly kvs: readonly KeyValue[];
  /** Whether a base begins here: what it does not have does not exist any more. One that was begun before is void. */
  readonly first: boolean;
  /** Whether it is complete with this page. */
  readonly last: boolean;
  /** On the last page. Before, there is nothing to go on from. */
  readonly checkpoint?: MirrorCheckpoint | undefined;
}

/** All that happened at one revision: apply it as one transaction. */
export interface MirrorUpdatesBatch {
  readonly kind: "updates";
  /** Its revision may be ahead of that of the events. */
  readonly header: ResponseHeader;
  readonly revision: bigint;
  /** Never empty, and no key twice. `kv` of a deletion has only `key` and `modRevision`. */
  readonly events: readonly Event[];
  readonly checkpoint: MirrorCheckpoint;
}

/** Nothing more happened up to `revision`: keep the checkpoint, so that compaction does not overtake a quiet prefix. */
export interface MirrorProgressBatch {
  readonly kind: "progress";
  readonly header: ResponseHeader;
  readonly revision: bigint;
  readonly checkpoint: MirrorCheckpoint;
}

/** What a mirror delivers. */
export type MirrorBatch = MirrorBaseBatch | MirrorUpdatesBatch | MirrorProgressBatch;

const table = optionTable("mirror", {
  prefix: checkBytesLike,
  from: checkCheckpoint,
  onCompacted: checkOneOf(["resync", "throw"]),
  signal: callChecks.signal,
  clock: checkClock,
});

/**
 * Reads what keys are, and then every change, in order and without a gap: what a copy of any kind needs. The base is read
 * page by page at one revision, the updates begin at the next one. To copy to etcd, there is `mirrorTo`.
 *
 * Lazy: the source is asked for no more than is taken, nothing happens before the first batch is asked for, and leaving the
 * loop ends it all. To be iterated once. A source that cannot be reached or has no leader is waited for.
 *
 * @throws `TypeError` that names the argument that cannot be used; all else when iterated: `EtcdError` `COMPACTED` with
 * `onCompacted: "throw"`; `HISTORY_REPLACED` or `CLUSTER_CHANGED` when the source is not the store that was mirrored, also
 * between `from` and now; `PERMISSION_DENIED` and what else ends watches; `options.signal.reason`. It ends without an error
 * when the watcher is closed.
 */
export function mirror(source: MirrorSource, options: MirrorOptions): AsyncIterable<MirrorBatch> {
  checkSource(source);
  checkOptions(table, options);
  return follow(source, options, toBytes(options?.prefix, "prefix"));
}

/** Refuses what cannot be mirrored from. */
export function checkSource(source: MirrorSource): void {
  checkServices(source, "source", { kv: checkKv, watcher: checkWatcher });
}
