import type { KeyRange, KeySpace, ReadonlyKv, WatchOpener } from "@etcdkit/core";
import {
  callChecks,
  checkOptions,
  checkReadonlyKv,
  checkRevision,
  checkServices,
  checkWatcher,
  nextChange,
  optionTable,
} from "@etcdkit/core/spi";

/** What waiting for keys takes. */
export interface WaitServices {
  readonly kv: Pick<ReadonlyKv, "range"> & KeySpace;
  readonly watcher: WatchOpener;
}

/** Options of {@link waitForPredecessors}. */
export interface WaitForPredecessorsOptions {
  /** Ends the wait, which rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const table = optionTable("waitForPredecessors", { signal: callChecks.signal });

/**
 * Waits until no key of a range is left that was created at `newestCreateRevision` or before: the heart of a fair queue,
 * for authors of others than mutexes and elections.
 *
 * Only the newest of these keys is watched. When it goes, others may still be there (its owner died out of turn), so it
 * looks again. Each key that goes thus wakes the one waiter behind it, however many there are.
 *
 * @param services - Of one namespace: a `TypeError` if not.
 * @param queue - The keys that stand in the queue: a prefix or a range.
 * @param newestCreateRevision - From 1: the create revision of the waiter's own key, less one.
 * @throws (rejects) `options.signal.reason`; what reading and watching reject with, such as `PERMISSION_DENIED`,
 * `HISTORY_REPLACED`, `CLOSED`. A watch that ended because history was compacted, or for want of a leader, is made anew.
 * @see etcd's clientv3, concurrency/key.go
 */
export async function waitForPredecessors(
  services: WaitServices,
  queue: KeyRange,
  newestCreateRevision: bigint,
  options: WaitForPredecessorsOptions = {},
): Promise<void> {
  checkRevision(newestCreateRevision, "newestCreateRevision");
  checkOptions(table, options);
  checkServices(services, "services", { kv: checkReadonlyKv, watcher: checkWatcher });
  const { kv, watcher } = services;
  const { signal } = options;
  const newest = { last: "created", maxCreateRevision: newestCreateRevision, keysOnly: true } as const;
  await waitForEach(watcher, signal, async () => {
    // A linearizable read waits for a leader, so there is no limit to how long one may take but the caller's.
    const call = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    const { header, kvs } = await kv.range(queue, { ...newest, ...call });
    return { key: kvs[0]?.key, revision: header.revision };
  });
}

/** A key to wait for, as of a revision; none: there is nothing left to wait for. */
export interface Predecessor {
  readonly key: Uint8Array | undefined;
  readonly revision: bigint;
}

/** Looks for a key, waits until that is deleted, and looks again, until there is none. */
export async function waitForEach(
  watcher: WatchOpener,
  signal: AbortSignal | undefined,
  look: () => Promise<Predecessor>,
): Promise<void> {
  while (true) {
    const { key, revision } = await look();
    if (key === undefined) return;
    await nextChange(watcher, key, { events: "deletes", startRevision: revision + 1n, signal });
  }
}
