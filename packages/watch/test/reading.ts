import type { Watch, WatchBatch } from "@etcdkit/core";

/** Reads a watch one batch at a time. */
export function reader(watch: Watch): { next(): Promise<WatchBatch>; end(): Promise<void> } {
  const iterator = watch[Symbol.asyncIterator]();
  return {
    async next() {
      const result = await iterator.next();
      if (result.done === true) throw new Error("the watch has ended");
      return result.value;
    },
    /** Waits for the end, which is to come without another batch. */
    async end() {
      const result = await iterator.next();
      if (result.done !== true) throw new Error(`the watch has not ended: ${result.value.kind}`);
    },
  };
}

/** The revisions of the events in a batch. */
export function revisionsOf(batch: WatchBatch): number[] {
  if (batch.kind !== "events") throw new Error(`events were to come, not ${batch.kind}`);
  return batch.events.map(({ kv }) => Number(kv?.modRevision));
}
