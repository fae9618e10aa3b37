import type { Watch, WatchBatch } from "./watch.js";

/**
 * A watch that delivers what another one does, each batch changed by `map`: for decorators, such as one that strips a prefix
 * from keys. All else (order, end, errors, progress) is that of the other one. What `map` throws ends the watch.
 */
export function mapWatch(watch: Watch, map: (batch: WatchBatch) => WatchBatch): Watch {
  return {
    get created() {
      return watch.created;
    },
    requestProgress: (call) => watch.requestProgress(call),
    close: () => watch.close(),
    [Symbol.asyncDispose]: () => watch.close(),
    async *[Symbol.asyncIterator]() {
      for await (const batch of watch) yield map(batch);
    },
  };
}
