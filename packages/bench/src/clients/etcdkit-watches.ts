import type { Watch, WatchBatch, Watcher } from "etcdkit";
import type { SomeWatches, WatchDriver, WatchSink } from "./driver.js";

/** Watches as programs use them: a reader of each iterates. */
export function etcdkitWatches(watcher: Watcher): WatchDriver {
  return {
    async open(key, count, sink) {
      const watches = Array.from({ length: count }, () => watcher.watch(key));
      await Promise.all(watches.map((watch) => watch.created));
      return {
        read: () => readAll(watches, sink),
        close: () => closeAll(watches),
      };
    },
    async catchUp(prefix, until) {
      let count = 0;
      for await (const batch of watcher.watch({ prefix }, { startRevision: 1n })) {
        if (batch.kind !== "events") continue;
        count += batch.events.length;
        if (batch.revision > until) throw new Error(`an event of revision ${batch.revision} beyond ${until}`);
        if (batch.revision === BigInt(until)) break;
      }
      return count;
    },
    async openSome(prefix, count, stopped, sink): Promise<SomeWatches> {
      const watches = Array.from({ length: count + stopped }, () => watcher.watch({ prefix }));
      const [reading, idle] = [watches.slice(0, count), watches.slice(count)];
      readAll(reading, sink);
      const paused = idle.map((watch) => watch[Symbol.asyncIterator]());
      const first = paused.map((iterator) => iterator.next());
      // Where the watch ends before, reading on finds out the same.
      for (const batch of first) batch.catch(() => undefined);
      await Promise.all(watches.map((watch) => watch.created));
      return {
        readOn: (events) =>
          Promise.all(paused.map(async (iterator, at) => await readOn(iterator, first[at], events))),
        close: () => closeAll(watches),
      };
    },
  };
}

function readAll(watches: readonly Watch[], sink: WatchSink): void {
  for (const [index, watch] of watches.entries()) void read(watch, index, sink);
}

async function read(watch: Watch, index: number, sink: WatchSink): Promise<void> {
  try {
    for await (const batch of watch) {
      if (batch.kind !== "events") continue;
      for (const { kv } of batch.events) sink.event(index, kv?.value.length ?? 0);
    }
  } catch (error) {
    sink.failed(error);
  }
}

type Batch = IteratorResult<WatchBatch, undefined>;

async function readOn(
  iterator: AsyncIterator<WatchBatch, undefined>,
  first: Promise<Batch> | undefined,
  events: number,
): Promise<number> {
  let count = 0;
  let last: bigint | undefined;
  for (let batch = await (first ?? iterator.next()); batch.done !== true; batch = await iterator.next()) {
    if (batch.value.kind !== "events") continue;
    for (const { kv } of batch.value.events) {
      const revision = kv?.modRevision ?? 0n;
      if (last !== undefined && revision !== last + 1n) {
        throw new Error(`an event of revision ${revision} came after one of ${last}`);
      }
      last = revision;
      count++;
    }
    if (count >= events) return count;
  }
  return count;
}

async function closeAll(watches: readonly Watch[]): Promise<void> {
  await Promise.all(watches.map((watch) => watch.close()));
}
