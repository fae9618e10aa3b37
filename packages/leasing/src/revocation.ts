import { compareBytes, type KeyValue } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";

/** What a writer puts into a leasing key that is not its own: the owner is to let go. Shared with Go's client. */
export const revoked: Uint8Array = toBytes("REVOKE", "REVOKE");

/** Whether the owner of a key was asked to let go. */
export function isRevoked({ value }: KeyValue): boolean {
  return compareBytes(value, revoked) === 0;
}
