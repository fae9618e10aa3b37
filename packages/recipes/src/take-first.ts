import {
  compare,
  type KeyRange,
  type KeyValue,
  type Kv,
  op,
  outcomeOf,
  systemClock,
  type WatchOpener,
} from "@etcdkit/core";
import { noteItem } from "./items-of.js";
import { nextChange } from "./next-change.js";

/** Items of a queue: where they are, and which one comes first. */
export interface Items {
  readonly range: KeyRange;
  readonly first: "key" | "modified";
}

/**
 * Takes the first item, waiting for one if need be.
 *
 * etcd has no way to wake one consumer of many: each item wakes all that wait, in whichever process, and one of them gets it.
 */
export async function takeFirst(
  kv: Kv,
  watcher: WatchOpener,
  items: Items,
  signal: AbortSignal,
): Promise<Uint8Array> {
  while (true) {
    const { kvs, header } = await readFirst(kv, items, signal);
    const startRevision = header.revision + 1n;
    const first =
      kvs[0] ?? (await nextChange(watcher, items.range, { events: "puts", startRevision, signal }))?.kv;
    if (first !== undefined && (await remove(kv, first, signal))) return first.value;
  }
}

/** Takes the first item; `undefined` when there is none. */
export async function tryTakeFirst(
  kv: Kv,
  items: Items,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  while (true) {
    const [first] = (await readFirst(kv, items, signal)).kvs;
    if (first === undefined) return undefined;
    if (await remove(kv, first, signal)) return first.value;
  }
}

function readFirst(kv: Kv, { range, first }: Items, signal: AbortSignal) {
  return kv.range(range, { first, signal, timeoutMs: Number.POSITIVE_INFINITY });
}

// Long enough for an answer that is on its way, short enough for whoever aborted to go on.
const graceMs = 500;

/**
 * Removes an item as it was read; `false` when somebody else was faster. An abort that comes meanwhile gives the answer some
 * time, since it may say that the item is ours; then the item is lost to everybody else.
 */
async function remove(kv: Kv, { key, modRevision, value }: KeyValue, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  const patience = new AbortController();
  let cancel: (() => void) | undefined;
  const onAbort = (): void => {
    cancel = systemClock.setTimer(graceMs, () => patience.abort(signal.reason), true);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const unchanged = compare.modRevision(key).equals(modRevision);
    const removal = { compare: [unchanged], success: [op.delete(key)] };
    return (await kv.txn(removal, { signal: patience.signal })).succeeded;
  } catch (error) {
    if (outcomeOf(error) === "unknown") noteItem(error, value);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    cancel?.();
  }
}
