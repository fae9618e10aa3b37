import { isEtcdError } from "../errors/etcd-error.js";
import type { Event } from "../gen/mvccpb/kv_pb.js";
import type { KeyOrRange } from "../key-range.js";
import { type FirstEventOptions, firstEvent } from "./first-event.js";
import type { WatchOpener } from "./watch.js";

/**
 * Waits for the first event of some keys. `undefined` when the watch ended with nothing to say about them, since history was
 * compacted or the cluster had no leader for some time: what is waited for may or may not have happened, so look again (a
 * read waits for a leader) and wait from there.
 *
 * @throws (rejects) What else ends the watch. It never resolves without an event that was seen.
 */
export async function nextChange(
  watcher: WatchOpener,
  keys: KeyOrRange,
  options: FirstEventOptions,
): Promise<Event | undefined> {
  try {
    return await firstEvent(watcher, keys, options);
  } catch (error) {
    if (meansLookAgain(error)) return undefined;
    throw error;
  }
}

/** Whether a watch ended with nothing to say about its keys: history was compacted, or there was no leader. */
export function meansLookAgain(error: unknown): boolean {
  return isEtcdError(error, "COMPACTED") || isEtcdError(error, "NO_LEADER");
}
