import {
  type BytesLike,
  EtcdError,
  mapWatch,
  type Watch,
  type WatchCall,
  type Watcher,
  type WatchOpener,
  type WatchRequest,
  watcherFrom,
} from "@etcdkit/core";
import { checkWatcher } from "@etcdkit/core/spi";
import { KeyPrefix } from "./key-prefix.js";
import { innerBatch, outerWatch } from "./translate.js";

/**
 * Watches keys of a namespace: `watch({ prefix: "" })` is all of it. What is delivered has keys without the prefix;
 * progress speaks of the whole store, as do revisions.
 *
 * Closing it ends the watches that were opened through it, and no others; closing what it wraps ends these too.
 *
 * @param watcher - What opens watches; another namespace, for instance.
 * @param prefix - As of {@link namespaceKv}.
 * @throws `TypeError` for what is no `Watcher`, or a prefix that cannot be used.
 */
export function namespaceWatcher(watcher: WatchOpener, prefix: BytesLike): Watcher {
  checkWatcher(watcher, "watcher");
  const own = new KeyPrefix(prefix);
  /** The watches that were opened here, each with what ends it. */
  const closings = new Set<() => Promise<void>>();
  let closed = false;

  function open(request: WatchRequest, call?: WatchCall): Watch {
    const outer = outerWatch(own, request);
    if (closed) {
      const reason = new EtcdError("CLOSED", "the watcher of the namespace was closed");
      return watcher.open(outer, { ...call, signal: AbortSignal.abort(reason) });
    }
    return mapWatch(kept(watcher.open(outer, call), call?.signal), (batch) => innerBatch(own, batch));
  }

  /** Keeps a watch in mind until it ends in any way that can be told: it is read to its end, left, closed or aborted. */
  function kept(watch: Watch, signal: AbortSignal | undefined): Watch {
    const forget = (): void => {
      closings.delete(close);
      signal?.removeEventListener("abort", forget);
    };
    const close = (): Promise<void> => {
      forget();
      return watch.close();
    };
    closings.add(close);
    signal?.addEventListener("abort", forget, { once: true });
    watch.created.catch(forget);
    return {
      created: watch.created,
      requestProgress: (call) => watch.requestProgress(call),
      close,
      [Symbol.asyncDispose]: close,
      [Symbol.asyncIterator]: () => watch[Symbol.asyncIterator](),
    };
  }

  async function close(): Promise<void> {
    closed = true;
    await Promise.all([...closings].map((end) => end()));
  }

  return watcherFrom({ keyPrefix: own.within(watcher), open }, close);
}
