import { type KeyOrRange, toWireRange } from "../key-range.js";
import { checkOptions } from "../options.js";
import type { Watch, WatchCall, Watcher, WatchOpener, WatchRequest } from "./watch.js";
import { type WatchOptions, watchTables } from "./watch-options.js";

/**
 * Makes the whole {@link Watcher} out of an opener: every watch becomes one request, opened by `opener.open`, so that what
 * a decorator does to `open` it does to all of them.
 *
 * @param close - Ends the watches that were opened. Left out, closing the watcher does nothing: a decorator that gives out
 *   another watcher's watches leaves their end to that one.
 */
export function watcherFrom(opener: WatchOpener, close: () => Promise<void> = nothing): Watcher {
  const { keyPrefix } = opener;
  return {
    ...(keyPrefix !== undefined && { keyPrefix }),
    watch(keys: KeyOrRange, options?: WatchOptions): Watch {
      checkOptions(watchTables.watch, options);
      return opener.open(buildWatch(keys, options), callOf(options));
    },
    open(request: WatchRequest, call?: WatchCall): Watch {
      checkOptions(watchTables.open, call);
      return opener.open(request, call);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Builds a request from options whose names and types were checked; checks how they go together. */
function buildWatch(keys: KeyOrRange, options: WatchOptions = {}): WatchRequest {
  const { startRevision, initial, prevKv, progressNotify, events, fragment } = options;
  const { maxBufferBytes, onCompacted } = options;
  if (initial === true && startRevision !== undefined) {
    throw new TypeError(
      "startRevision cannot be combined with initial: the state says where the events begin",
    );
  }
  return {
    ...toWireRange(keys),
    ...(startRevision !== undefined && { startRevision }),
    ...(initial === true && { initial }),
    ...(prevKv === true && { prevKv }),
    ...(progressNotify === true && { progressNotify }),
    ...(events !== undefined && events !== "all" && { events }),
    ...(fragment !== undefined && { fragment }),
    ...(maxBufferBytes !== undefined && { maxBufferBytes }),
    ...(onCompacted === "resync" && { onCompacted }),
  };
}

/** The part of the options that concerns the call; `undefined` where the caller set none of it. */
function callOf({ signal, requireLeader, headers }: WatchCall = {}): WatchCall | undefined {
  if (signal === undefined && requireLeader === undefined && headers === undefined) return undefined;
  return { signal, requireLeader, headers };
}

function nothing(): Promise<void> {
  return Promise.resolve();
}
