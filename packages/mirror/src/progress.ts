import type { EtcdError } from "@etcdkit/core";

/** What this run of a mirror has done to the destination. */
export interface MirrorTotals {
  /** Keys written. */
  readonly puts: number;
  /** Keys deleted. */
  readonly deletes: number;
  /** Keys and values that were sent, in bytes. */
  readonly bytes: number;
  /** Transactions that carried them. */
  readonly transactions: number;
}

/**
 * The destination is being made what the source was at one revision. Until `done` it is neither what it was before nor that.
 */
export interface BaseProgress {
  readonly kind: "base";
  /**
   * Why: `"first"` without a checkpoint, `"interrupted"` when an earlier run did not finish it, `"compacted"` when the source
   * no longer has all the changes since the checkpoint.
   */
  readonly reason: "first" | "interrupted" | "compacted";
  /** The revision of the source that is copied. */
  readonly revision: bigint;
  /** Keys of the source that were gone through so far. */
  readonly keys: number;
  /** Whether the destination is now what the source was at `revision`. */
  readonly done: boolean;
  readonly totals: MirrorTotals;
}

/** The mirror goes on from its checkpoint, or begins at its start revision: what happened up to `revision` is done with. */
export interface ResumedProgress {
  readonly kind: "resumed";
  /** Of the source; `0n` when all of its history is still to come. */
  readonly revision: bigint;
}

/** The destination is what the source was at `revision`. */
export interface UpdatesProgress {
  readonly kind: "updates";
  readonly revision: bigint;
  /** The newest revision that the source was heard of at. It counts writes outside the prefix, too. */
  readonly sourceRevision: bigint;
  /** By how many revisions the mirror is known to be behind, of any keys. */
  readonly lag: number;
  readonly totals: MirrorTotals;
}

/** The destination cannot be read or written for now; the mirror will try again, and skips nothing. */
export interface WaitingProgress {
  readonly kind: "waiting";
  readonly error: EtcdError;
  /** How often in a row it has failed. */
  readonly failures: number;
  /** The pause that follows, in milliseconds. */
  readonly pauseMs: number;
}

/** What a mirror tells of itself. */
export type MirrorProgress = BaseProgress | ResumedProgress | UpdatesProgress | WaitingProgress;
