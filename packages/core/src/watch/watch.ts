import type { CallOptions } from "../call-options.js";
import type { ResponseHeader } from "../gen/etcdserverpb/rpc_pb.js";
import type { Event, KeyValue } from "../gen/mvccpb/kv_pb.js";
import type { KeyOrRange } from "../key-range.js";
import type { KeySpace } from "../key-space.js";
import type { WatchOptions } from "./watch-options.js";

/** What a watch is asked for, as plain data. Fields that were left out are absent. */
export interface WatchRequest {
  readonly key: Uint8Array;
  /** As in {@link WireRange}. */
  readonly rangeEnd?: Uint8Array | undefined;
  /** The first revision wanted, from 1. */
  readonly startRevision?: bigint;
  readonly initial?: true;
  readonly prevKv?: true;
  readonly progressNotify?: true;
  /** The only kind of event wanted. */
  readonly events?: "puts" | "deletes";
  /** Whether the server may send a large answer in parts; absent leaves that to who opens the watch. */
  readonly fragment?: boolean;
  readonly maxBufferBytes?: number;
  readonly onCompacted?: "resync";
}

/** What of a call's options concerns a watch, which has no deadline. `requireLeader` is `true` unless it says `false`. */
export type WatchCall = Pick<CallOptions, "signal" | "requireLeader" | "headers">;

/**
 * The one thing that stands between a {@link Watcher} and the store, and so the one thing that decorators wrap: take a
 * `WatchOpener`, return {@link watcherFrom} of another. {@link mapWatch} changes what a watch delivers.
 */
export interface WatchOpener extends KeySpace {
  /**
   * Opens one watch. Requests are made by `Watcher.watch`, which checks what it is given. Returns at once; whatever goes
   * wrong later is thrown by the iteration.
   */
  open(request: WatchRequest, call?: WatchCall): Watch;
}

/** Events of one or more whole revisions, in order. Everything up to `revision` has now been delivered. */
export interface EventsBatch {
  readonly kind: "events";
  /** As the server sent it; its revision may be ahead of the events. */
  readonly header: ResponseHeader;
  /** The revision of the last event. */
  readonly revision: bigint;
  /** Never empty; `kv.modRevision` ascends. `kv` of a deletion has only `key` and `modRevision`. */
  readonly events: readonly Event[];
}

/**
 * A page of what the keys are at `revision`. The first page of a state replaces all that was known before; a page of another
 * revision than the one before it is a first page.
 */
export interface StateBatch {
  readonly kind: "state";
  readonly header: ResponseHeader;
  readonly revision: bigint;
  /** In ascending order of keys, within a page and from page to page. */
  readonly kvs: readonly KeyValue[];
  /** Whether the state is complete with this page; the events that follow are later than `revision`. */
  readonly last: boolean;
}

/** Says that every event up to `revision` has been delivered. */
export interface ProgressBatch {
  readonly kind: "progress";
  readonly header: ResponseHeader;
  readonly revision: bigint;
}

/** What a watch delivers. */
export type WatchBatch = EventsBatch | StateBatch | ProgressBatch;

/**
 * A watch under way: an async iterable of batches, for one reader.
 *
 * The iteration delivers every event after the start exactly once and in order, however often the link breaks, and never
 * splits a revision over two batches. It ends quietly on `break` and `close()`, throws `signal.reason` on abort, and
 * throws an `EtcdError`, once and after all that was delivered before, when the watch cannot go on.
 *
 * A reader may take its time: what it has not taken is kept up to `maxBufferBytes`, then the watch pauses on the server and
 * is resumed by revision.
 */
export interface Watch extends AsyncIterable<WatchBatch>, AsyncDisposable {
  /**
   * Resolves when the watch stands: every write that begins afterwards will be seen. `revision` is that of the store at that
   * moment. Without `startRevision` the watch delivers exactly the events after it; with `initial` it is the revision of the
   * state.
   *
   * Rejects as the iteration does when the watch ends before that, with `CLOSED` after `close()`. Never an unhandled
   * rejection: whoever iterates need not look at it.
   */
  readonly created: Promise<{ readonly revision: bigint }>;

  /**
   * Asks the server how far this watch is, and resolves with a revision up to which all events have been put into its
   * buffer. The iteration delivers a progress batch too, as do the other watches with the same metadata.
   *
   * The server answers once all watches with the same metadata have caught up; one that waits for a `startRevision` in the
   * future, or is paused for a slow reader, may hold the answer back. etcd's gRPC proxy never answers.
   *
   * @param call - `signal`, and `timeoutMs`, in milliseconds: default 10 000.
   * @throws (rejects) `EtcdError` `DEADLINE`; `call.signal.reason`; what ended the watch, `CLOSED` after `close()`.
   */
  requestProgress(call?: Pick<CallOptions, "signal" | "timeoutMs">): Promise<bigint>;

  /** Ends the watch, on the server too. The iteration ends without an error; what was not taken is dropped. Idempotent. */
  close(): Promise<void>;
}

/** Watches keys. */
export interface Watcher extends WatchOpener, AsyncDisposable {
  /**
   * Watches one key or many. Returns at once and begins at once, whether or not anyone iterates.
   *
   * @param keys - One key, a prefix or a range.
   * @throws `TypeError` or `RangeError` that names the argument that cannot be used; all else when iterated: `EtcdError`
   * `COMPACTED` (a `CompactedError`) when events that were still to be delivered are gone, `HISTORY_REPLACED` or
   * `CLUSTER_CHANGED` when what answers after a reconnect is not the store that was watched, `PERMISSION_DENIED`,
   * `AUTH_FAILED`, `NO_LEADER`, `MESSAGE_TOO_LARGE`, `CLOSED`; `options.signal.reason`.
   */
  watch(keys: KeyOrRange, options?: WatchOptions): Watch;
  /** Ends all watches that this watcher opened, quietly. Watches opened later throw `CLOSED`. Idempotent. */
  close(): Promise<void>;
}
