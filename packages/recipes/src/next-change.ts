import {
  type Event,
  type FirstEventOptions,
  firstEvent,
  isEtcdError,
  type KeyOrRange,
  type WatchOpener,
} from "@etcdkit/core";

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
    if (isEtcdError(error, "COMPACTED") || isEtcdError(error, "NO_LEADER")) return undefined;
    throw error;
  }
}
