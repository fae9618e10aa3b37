import { firstEvent, isEtcdError, type ReadonlyKv, type WatchOpener } from "@etcdkit/core";

/** What waiting for keys takes. */
export interface WaitServices {
  readonly kv: Pick<ReadonlyKv, "range">;
  readonly watcher: WatchOpener;
}

/**
 * Waits until a key that was created at `createRevision` is gone.
 *
 * @throws (rejects) `signal.reason`; what reading and watching reject with.
 */
export async function waitForDeletion(
  { kv, watcher }: WaitServices,
  key: Uint8Array,
  createRevision: bigint,
  signal: AbortSignal,
): Promise<void> {
  let startRevision = createRevision + 1n;
  while (true) {
    try {
      await firstEvent(watcher, key, { events: "deletes", startRevision, signal });
      return;
    } catch (error) {
      if (!meansLookAgain(error)) throw error;
    }
    const call = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    const { header, kvs } = await kv.range(key, { keysOnly: true, ...call });
    if (kvs[0]?.createRevision !== createRevision) return;
    startRevision = header.revision + 1n;
  }
}

/** Whether a watch ended with nothing to say about the keys: history was compacted, or there was no leader. */
export function meansLookAgain(error: unknown): boolean {
  return isEtcdError(error, "COMPACTED") || isEtcdError(error, "NO_LEADER");
}
