import { checkPositiveInteger, checkRevision } from "../integers.js";
import { type Check, callChecks, checkFlag, checkOneOf, type OptionTable, optionTable } from "../options.js";
import type { WatchCall } from "./watch.js";

/** Options of {@link Watcher.watch}. */
export interface WatchOptions extends WatchCall {
  /**
   * The first revision wanted, from 1; may be in the future. Left out: what happens from now on.
   * Error: `COMPACTED` when the history from there on is gone.
   */
  readonly startRevision?: bigint | undefined;
  /** First delivers what the keys are now, then every later event. Excludes `startRevision`. Default `false`. */
  readonly initial?: boolean | undefined;
  /** Adds to each event what the key was before it, unless that was compacted. Default `false`. */
  readonly prevKv?: boolean | undefined;
  /**
   * Lets the server send progress batches while there are no events: every 10 minutes unless it is configured otherwise.
   * Default `false`.
   */
  readonly progressNotify?: boolean | undefined;
  /** Only puts, or only deletions; the server leaves out the others. Default `"all"`. */
  readonly events?: "all" | "puts" | "deletes" | undefined;
  /**
   * Lets the server send an answer in parts of about 2 MiB, which are put together again: a revision is never split. It
   * bounds what arrives at once where values are large. Over parts of many small events, servers take very long (10 s for
   * 2 MiB of events of 100 bytes), and send nothing else meanwhile.
   *
   * Left out: where the events of the watch have turned out to be large (4 KiB), and after an answer has exceeded the
   * connection's `maxReceiveBytes`.
   */
  readonly fragment?: boolean | undefined;
  /**
   * Refuses to be served by a member that knows no leader, which would stay silent for as long as that lasts: the watch
   * moves to another member, and ends with `NO_LEADER` when there is none. Default `true`.
   */
  readonly requireLeader?: boolean | undefined;
  /**
   * How much is kept for a slow reader, in bytes of keys and values and some overhead; from 1. One more answer of the
   * server may come on top. Default 4 MiB.
   */
  readonly maxBufferBytes?: number | undefined;
  /**
   * What happens when events that were still to be delivered have been compacted: `"throw"` ends the watch with
   * `COMPACTED`; `"resync"` delivers what the keys are now, as `initial` does, and goes on from there. Default `"throw"`.
   */
  readonly onCompacted?: "throw" | "resync" | undefined;
}

const watchChecks: Record<keyof WatchOptions, Check> = {
  signal: callChecks.signal,
  requireLeader: callChecks.requireLeader,
  headers: callChecks.headers,
  startRevision: checkRevision,
  initial: checkFlag,
  prevKv: checkFlag,
  progressNotify: checkFlag,
  events: checkOneOf(["all", "puts", "deletes"]),
  fragment: checkFlag,
  maxBufferBytes: checkPositiveInteger,
  onCompacted: checkOneOf(["throw", "resync"]),
};

/** Tables of the methods of a `Watcher` and a `Watch`. */
export const watchTables: Readonly<Record<"watch" | "open" | "requestProgress", OptionTable>> = {
  watch: optionTable("watch", watchChecks),
  open: optionTable("open", {
    signal: callChecks.signal,
    requireLeader: callChecks.requireLeader,
    headers: callChecks.headers,
  }),
  requestProgress: optionTable("requestProgress", {
    signal: callChecks.signal,
    timeoutMs: callChecks.timeoutMs,
  }),
};
