import { type BytesLike, concatBytes } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";

/** Where a session stands in the queue for a name. */
export interface QueueName {
  /** What all keys in the queue begin with. */
  readonly prefix: Uint8Array;
  /** That of the session. */
  readonly key: Uint8Array;
}

const slash = toBytes("/", "slash");

/**
 * The name of a lock or an election, as bytes.
 *
 * @throws `RangeError` for an empty one: it would be that of everybody who forgot to give one.
 */
export function nameBytes(name: BytesLike): Uint8Array {
  const bytes = toBytes(name, "name");
  if (bytes.length === 0) throw new RangeError("name must not be empty");
  return bytes;
}

/** What the keys of a name begin with: as every client of etcd has it, the slash is not there to be left out. */
export function queuePrefix(name: BytesLike): Uint8Array {
  return concatBytes(nameBytes(name), slash);
}

/** The key of a lease in a queue: in hexadecimal without padding, a negative id with a minus in front of its magnitude. */
export function queueName(prefix: Uint8Array, leaseId: bigint): QueueName {
  return { prefix, key: concatBytes(prefix, toBytes(leaseId.toString(16), "leaseId")) };
}
