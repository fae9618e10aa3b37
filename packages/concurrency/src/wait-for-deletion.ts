import { nextChange } from "@etcdkit/core/spi";
import type { WaitServices } from "./wait-for-predecessors.js";

/**
 * Waits until a key that was created at `createRevision` is gone. A watch that ended because history was compacted,
 * or for want of a leader, is made anew.
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
    const deletion = await nextChange(watcher, key, { events: "deletes", startRevision, signal });
    if (deletion !== undefined) return;
    const call = { signal, timeoutMs: Number.POSITIVE_INFINITY };
    const { header, kvs } = await kv.range(key, { keysOnly: true, ...call });
    if (kvs[0]?.createRevision !== createRevision) return;
    startRevision = header.revision + 1n;
  }
}
