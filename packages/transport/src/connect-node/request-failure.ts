import { ConnectError } from "@connectrpc/connect";
import { failureKindOf } from "../failure-kind.js";
import { TransportError } from "../transport-error.js";

// Of a reset either connect-node tells or Node itself, whichever comes first, each in its own words.
const refusedStream = /^(http\/2 s|S)tream closed with error code (NGHTTP2_)?REFUSED_STREAM/;

/** What connect-node rejected with, as a {@link TransportError}, unless the server sent it or the caller aborted. */
export function requestFailure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!(error instanceof ConnectError) || error instanceof TransportError || signal?.aborted) return error;
  const kind = failureKindOf(error);
  if (kind === undefined) return error;
  // RFC 9113, 8.7. Streams beyond the last one of GOAWAY end so in Node, too.
  const disposition = refusedStream.test(error.rawMessage) ? "refused" : "unknown";
  return new TransportError(kind, error.rawMessage, error.code, disposition, error);
}
