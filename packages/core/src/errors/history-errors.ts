import { EtcdError, type EtcdErrorDetails } from "./etcd-error.js";

/** `COMPACTED`, of a watch: events that it was still to deliver are gone. */
export class CompactedError extends EtcdError {
  override readonly name: string = "CompactedError";
  /** The oldest revision that can still be watched or read. */
  readonly compactRevision: bigint;
  /** The revision up to which the watch has delivered everything; absent when it had not begun. */
  declare readonly lastSeen?: bigint;

  constructor(compactRevision: bigint, lastSeen: bigint | undefined, details?: EtcdErrorDetails) {
    const since = lastSeen === undefined ? "" : `; events were delivered up to revision ${lastSeen}`;
    super("COMPACTED", `the history before revision ${compactRevision} has been compacted${since}`, details);
    this.compactRevision = compactRevision;
    if (lastSeen !== undefined) this.lastSeen = lastSeen;
  }
}

/**
 * `HISTORY_REPLACED`: the store went back in time, as it does when a cluster is restored from a snapshot. What was read or
 * watched after the revision `now` need not have happened any more.
 */
export class HistoryReplacedError extends EtcdError {
  override readonly name: string = "HistoryReplacedError";
  /** The highest revision that was seen. */
  readonly seen: bigint;
  /** The revision that the cluster is at. */
  readonly now: bigint;

  constructor(seen: bigint, now: bigint, details?: EtcdErrorDetails) {
    super(
      "HISTORY_REPLACED",
      `the history of the store was replaced: it was at revision ${seen} and is now at ${now}`,
      details,
    );
    this.seen = seen;
    this.now = now;
  }
}

/** `CLUSTER_CHANGED`: another cluster answers at the same endpoints. */
export class ClusterChangedError extends EtcdError {
  override readonly name: string = "ClusterChangedError";
  /** The id of the cluster that answered before. */
  readonly oldClusterId: bigint;
  /** The id of the cluster that answers now. */
  readonly newClusterId: bigint;

  constructor(oldClusterId: bigint, newClusterId: bigint, details?: EtcdErrorDetails) {
    super(
      "CLUSTER_CHANGED",
      `another cluster answers: ${newClusterId.toString(16)} in place of ${oldClusterId.toString(16)}`,
      details,
    );
    this.oldClusterId = oldClusterId;
    this.newClusterId = newClusterId;
  }
}
