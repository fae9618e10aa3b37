import { checkInt64, isBytes } from "@etcdkit/core/spi";
import { fromBase64, isRecord, parseJson, revisionFrom, toBase64, unreadable } from "./stored-json.js";

/** A key that shows, later on, whether a store still has the history in which it was seen. */
export interface MirrorWitness {
  readonly key: Uint8Array;
  /** Of what the key was at the revision of the checkpoint, its value included; empty when it was deleted. */
  readonly digest: Uint8Array;
}

/**
 * How far a mirror is: enough to go on from there later, in another process, and to notice that the source is no longer
 * what it was. Plain data; {@link encodeCheckpoint} makes bytes of it.
 */
export interface MirrorCheckpoint {
  /** Everything up to this revision of the source is mirrored; `0n`: nothing. */
  readonly revision: bigint;
  /** The cluster that it is a revision of. Absent: the revision is taken as it is, and nothing is compared. */
  readonly clusterId?: bigint | undefined;
  /** The key that was written last. Absent when there was none. */
  readonly witness?: MirrorWitness | undefined;
}

/** A checkpoint as JSON takes it: numbers as text, bytes in Base64. */
export interface CheckpointJson {
  readonly revision: string;
  readonly clusterId?: string;
  readonly witness?: { readonly key: string; readonly digest: string };
}

/**
 * Makes bytes of a checkpoint, a few hundred of them, to be kept in a file or a database. They name a key and hold a hash
 * that depends on its value: keep them where the keys may be seen.
 *
 * @throws `TypeError`, `RangeError` for something that is no checkpoint.
 */
export function encodeCheckpoint(checkpoint: MirrorCheckpoint): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(checkpointToJson(checkpoint)));
}

/**
 * Reads what {@link encodeCheckpoint} made.
 *
 * @throws `TypeError` for anything else.
 */
export function decodeCheckpoint(bytes: Uint8Array): MirrorCheckpoint {
  return checkpointFromJson(parseJson(bytes, "checkpoint"), "checkpoint");
}

/** Refuses what is no checkpoint. */
export function checkCheckpoint(value: unknown, name: string): asserts value is MirrorCheckpoint {
  if (!isRecord(value)) throw new TypeError(`${name} must be a checkpoint`);
  const { revision, clusterId, witness } = value;
  checkInt64(revision, `${name}.revision`);
  if (revision < 0n) throw new RangeError(`${name}.revision must not be negative`);
  if (clusterId !== undefined && typeof clusterId !== "bigint") {
    throw new TypeError(`${name}.clusterId must be a bigint`);
  }
  if (witness === undefined) return;
  if (!(isRecord(witness) && isBytes(witness["key"]) && isBytes(witness["digest"]))) {
    throw new TypeError(`${name}.witness must have a key and a digest, both a Uint8Array`);
  }
}

export function checkpointToJson(checkpoint: MirrorCheckpoint): CheckpointJson {
  checkCheckpoint(checkpoint, "checkpoint");
  const { revision, clusterId, witness } = checkpoint;
  return {
    revision: revision.toString(),
    ...(clusterId !== undefined && { clusterId: clusterId.toString(16) }),
    ...(witness !== undefined && {
      witness: { key: toBase64(witness.key), digest: toBase64(witness.digest) },
    }),
  };
}

export function checkpointFromJson(value: unknown, name: string): MirrorCheckpoint {
  if (!isRecord(value)) throw unreadable(name);
  const { revision, clusterId, witness } = value;
  if (clusterId !== undefined && (typeof clusterId !== "string" || !/^[\da-f]{1,16}$/.test(clusterId))) {
    throw unreadable(name);
  }
  return {
    revision: revisionFrom(revision, name),
    ...(clusterId !== undefined && { clusterId: BigInt(`0x${clusterId}`) }),
    ...(witness !== undefined && { witness: witnessFromJson(witness, name) }),
  };
}

function witnessFromJson(value: unknown, name: string): MirrorWitness {
  if (!isRecord(value)) throw unreadable(name);
  const { key, digest } = value;
  if (typeof key !== "string" || typeof digest !== "string") throw unreadable(name);
  return { key: fromBase64(key), digest: fromBase64(digest) };
}
