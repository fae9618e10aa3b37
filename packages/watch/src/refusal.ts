import { CompactedError, EtcdError } from "@etcdkit/core";
import type { WatchResponse } from "@etcdkit/core/protocol";
import { findServerError, printable } from "@etcdkit/core/spi";

/**
 * Why the server ended or refused a watch.
 *
 * @param lastSeen - The revision up to which the watch has delivered everything.
 */
export function refusalOf(response: WatchResponse, lastSeen: bigint | undefined): EtcdError {
  const { cancelReason, compactRevision, created } = response;
  if (compactRevision !== 0n) return new CompactedError(compactRevision, lastSeen);
  if (cancelReason === "") {
    return created
      ? new EtcdError("FUTURE_REV", "the server refused the watch without a reason")
      : new EtcdError("WATCH_CANCELED", "the server ended the watch without a reason");
  }
  const known = findServerError(cancelReason);
  if (known === undefined)
    return new EtcdError("WATCH_CANCELED", `the server ended the watch: ${printable(cancelReason)}`);
  return new EtcdError(known.code, printable(cancelReason), { grpcCode: known.grpcCode });
}

/**
 * How often in a row a watch is tried again with another token after such a refusal; 0 where it is not about the token. A
 * fresh token may be refused by members that have not heard of it yet, and be out of date again while users change.
 */
export function tokenRetries({ code }: EtcdError): number {
  switch (code) {
    case "INVALID_AUTH_TOKEN":
    case "AUTH_OLD_REVISION":
    case "USER_EMPTY":
      return 5;
    // etcd 3.4.0-3.4.21 and 3.5.0-3.5.5 say so of an expired token.
    case "PERMISSION_DENIED":
      return 1;
    default:
      return 0;
  }
}
