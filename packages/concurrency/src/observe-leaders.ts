import {
  compareBytes,
  EtcdError,
  firstEvent,
  isDelete,
  type KeyValue,
  type ReadonlyKv,
  type Watcher,
} from "@etcdkit/core";
import { meansLookAgain } from "@etcdkit/core/spi";

/** What observing an election takes. */
export interface ObserveServices {
  readonly kv: Pick<ReadonlyKv, "range">;
  readonly watcher: Watcher;
}

/** The key of each leader of an election, as it is and each time that its value changes. Ends only by an error. */
export async function* observeLeaders(
  { kv, watcher }: ObserveServices,
  prefix: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<KeyValue, void, undefined> {
  let told: KeyValue | undefined;
  while (true) {
    const call = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    const { header, kvs } = await kv.range({ prefix }, { first: "created", ...call });
    const startRevision = header.revision + 1n;
    try {
      // The first that comes after there was none is the leader.
      const leader =
        kvs[0] ?? (await firstEvent(watcher, { prefix }, { events: "puts", startRevision, signal })).kv;
      if (leader === undefined) throw new EtcdError("PROTOCOL", "the server sent an event without a key");
      if (told === undefined || !isSame(leader, told)) yield leader;
      told = leader;
      const from = leader === kvs[0] ? startRevision : leader.modRevision + 1n;
      for await (const value of valuesOf(watcher, leader.key, from, signal)) {
        yield value;
        told = value;
      }
    } catch (error) {
      if (!meansLookAgain(error)) throw error;
    }
  }
}

/** What a key becomes, until it is deleted. */
async function* valuesOf(
  watcher: Watcher,
  key: Uint8Array,
  startRevision: bigint,
  signal: AbortSignal,
): AsyncGenerator<KeyValue, void, undefined> {
  for await (const batch of watcher.watch(key, { startRevision, signal })) {
    for (const event of batch.kind === "events" ? batch.events : []) {
      if (isDelete(event)) return;
      if (event.kv !== undefined) yield event.kv;
    }
  }
  throw new EtcdError("CLOSED", "the watcher was closed while an election was observed");
}

function isSame(a: KeyValue, b: KeyValue): boolean {
  return a.modRevision === b.modRevision && compareBytes(a.key, b.key) === 0;
}
