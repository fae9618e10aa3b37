import { createHash } from "node:crypto";
import {
  ClusterChangedError,
  compareBytes,
  type Event,
  HistoryReplacedError,
  isDelete,
  isEtcdError,
  type KeyValue,
  type Kv,
} from "@etcdkit/core";
import type { MirrorCheckpoint, MirrorWitness } from "./checkpoint.js";

const gone = new Uint8Array();

/** The pair that was written last, of a page of a state and of what came before it. */
export function newestOf(kvs: readonly KeyValue[], before: KeyValue | undefined): KeyValue | undefined {
  let newest = before;
  for (const kv of kvs) if (newest === undefined || kv.modRevision > newest.modRevision) newest = kv;
  return newest;
}

/** The witness of an event. */
export function witnessOfEvent(event: Event): MirrorWitness | undefined {
  const { kv } = event;
  if (kv === undefined) return undefined;
  return isDelete(event) ? { key: kv.key, digest: gone } : witnessOf(kv);
}

/** The witness that a pair makes. */
export function witnessOf(kv: KeyValue): MirrorWitness {
  return { key: kv.key, digest: digestOf(kv) };
}

/**
 * Says all of a pair in 16 bytes. The revisions alone would not do: where one key is written over and over, a restored store
 * soon has the same ones with other values.
 */
function digestOf({ createRevision, modRevision, version, value }: KeyValue): Uint8Array {
  const hash = createHash("sha256").update(`${createRevision} ${modRevision} ${version} `).update(value);
  return new Uint8Array(hash.digest().subarray(0, 16));
}

/**
 * Makes sure that the source still has the history that a checkpoint was taken in: the same cluster, not behind it, and with
 * the same witness at its revision. Reads within the prefix only, which is all that the user may have a right to. A witness
 * that was compacted says nothing: what follows then is `COMPACTED`, or a state that replaces everything.
 *
 * @throws (rejects) `ClusterChangedError`, `HistoryReplacedError`, and what reads reject with.
 */
export async function verifyHistory(
  kv: Kv,
  { revision, clusterId, witness }: MirrorCheckpoint,
  prefix: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (clusterId === undefined) return;
  const { header } = await kv.range({ prefix }, { limit: 1, keysOnly: true, signal });
  // etcd's gRPC proxy may answer with a header of zeros, which says nothing.
  if (header.clusterId === 0n) return;
  if (header.clusterId !== clusterId) throw new ClusterChangedError(clusterId, header.clusterId);
  if (header.revision < revision) throw new HistoryReplacedError(revision, header.revision);
  if (witness === undefined || revision === 0n) return;
  try {
    const pair = await kv.get(witness.key, { revision, signal });
    const found = pair === undefined ? gone : digestOf(pair);
    if (compareBytes(found, witness.digest) !== 0) throw new HistoryReplacedError(revision, header.revision);
  } catch (error) {
    if (!isEtcdError(error, "COMPACTED")) throw error;
  }
}
