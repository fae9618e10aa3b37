import type { Watch, WatchBatch } from "./watch.js";

/**
 * A watch that delivers what another one does, each batch changed by `map`: for decorators, such as one that strips a prefix
 * from keys. All else (order, end, errors, progress) is that of the other one. What `map` throws ends the watch.
 *
 * Whatever ends an iteration closes the other watch, so a decorator that keeps account of open ones needs to look at
 * `close` only.
 */
export function mapWatch(watch: Watch, map: (batch: WatchBatch) => WatchBatch): Watch {
  return {
    get created() {
      return watch.created;
    },
    requestProgress: (call) => watch.requestProgress(call),
    close: () => watch.close(),
    [Symbol.asyncDispose]: () => watch.close(),
    [Symbol.asyncIterator]: () => mapped(watch, map),
  };
}

// No generator: the `return` of one waits for a `next` under way, and before the first `next` runs nothing of the body.
function mapped(watch: Watch, map: (batch: WatchBatch) => WatchBatch): AsyncIterator<WatchBatch, undefined> {
  const batches = watch[Symbol.asyncIterator]();
  const leave = async (): Promise<void> => {
    await watch.close();
    await batches.return?.();
  };
  return {
    async next() {
      try {
        const next = await batches.next();
        if (next.done !== true) return { done: false, value: map(next.value) };
      } catch (error) {
        await leave();
        throw error;
      }
      await leave();
      return { done: true, value: undefined };
    },
    async return() {
      await leave();
      return { done: true, value: undefined };
    },
  };
}
