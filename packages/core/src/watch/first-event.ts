import { EtcdError } from "../errors/etcd-error.js";
import type { Event } from "../gen/mvccpb/kv_pb.js";
import type { KeyOrRange } from "../key-range.js";
import type { WatchOpener } from "./watch.js";
import type { WatchOptions } from "./watch-options.js";
import { watcherFrom } from "./watcher-from.js";

/** Options of {@link firstEvent}. */
export interface FirstEventOptions
  extends Pick<WatchOptions, "events" | "signal" | "requireLeader" | "headers"> {
  /**
   * The first revision that counts, from 1: that of what was read, plus one, so that nothing is missed in between.
   */
  readonly startRevision: bigint;
}

/**
 * Waits for the first event of some keys and ends the watch: for packages that wait for a key to come or go.
 *
 * @throws (rejects) What the watch throws: `COMPACTED` when the history from `startRevision` on is gone (read again, then
 * wait again), `PERMISSION_DENIED` and so on; `options.signal.reason`; `CLOSED` when the watcher was closed meanwhile.
 */
export async function firstEvent(
  watcher: WatchOpener,
  keys: KeyOrRange,
  options: FirstEventOptions,
): Promise<Event> {
  const watch = watcherFrom(watcher).watch(keys, options);
  try {
    for await (const batch of watch) {
      const event = batch.kind === "events" ? batch.events[0] : undefined;
      if (event !== undefined) return event;
    }
  } finally {
    await watch.close();
  }
  throw new EtcdError("CLOSED", "the watcher was closed while an event was waited for");
}
