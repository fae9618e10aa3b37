import { compare, type KeyValue, type Kv, op, outcomeOf, systemClock, type WatchOpener } from "@etcdkit/core";
import { nextChange } from "@etcdkit/core/spi";
import type { FirstItem } from "./first-item.js";
import { noteItem } from "./items-of.js";

/**
 * Takes the first item, waiting for one if need be.
 *
 * etcd has no way to wake one consumer of many: each item wakes all that wait, in whichever process, and one of them gets it.
 */
export async function takeFirst(
  kv: Kv,
  watcher: WatchOpener,
  items: FirstItem,
  signal: AbortSignal,
): Promise<Uint8Array> {
  while (true) {
    const { revision, first } = await items.read(signal);
    const next = { events: "puts", startRevision: revision + 1n, signal } as const;
    const item = first ?? (await nextChange(watcher, items.range, next))?.kv;
    if (item !== undefined && (await take(kv, items, item, signal))) return item.value;
  }
}

/** Takes the first item; `undefined` when there is none. */
export async function tryTakeFirst(
  kv: Kv,
  items: FirstItem,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  while (true) {
    const { first } = await items.read(signal);
    if (first === undefined) return undefined;
    if (await take(kv, items, first, signal)) return first.value;
  }
}

/** Takes an item as it was read; `false` when somebody else was faster. */
async function take(kv: Kv, items: FirstItem, item: KeyValue, signal: AbortSignal): Promise<boolean> {
  const taken = await remove(kv, item, signal);
  items.gone(item); // here, or to somebody else
  return taken;
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
