import { Code, ConnectError } from "@connectrpc/connect";
import { failureKindOf } from "../failure-kind.js";
import { TransportError } from "../transport-error.js";

// Of a reset either connect-node tells or Node itself, whichever comes first, each in its own words.
const resetStream = /^(http\/2 s|S)tream closed with error code /;
const refusedStream = /^(http\/2 s|S)tream closed with error code (NGHTTP2_)?REFUSED_STREAM/;

/** What connect-node rejected with, as a {@link TransportError}, unless the server sent it or the caller aborted. */
export function requestFailure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!(error instanceof ConnectError) || error instanceof TransportError || signal?.aborted) return error;
  const kind = failureKindOf(error);
  if (kind === undefined) return error;
  // RFC 9113, 8.7. Streams beyond the last one of GOAWAY end so in Node, too.
  const disposition = refusedStream.test(error.rawMessage) ? "refused" : "unknown";
  // connect-node takes the end of the session for an internal error.
  const isLost = kind === "link" && error.code === Code.Internal && !resetStream.test(error.rawMessage);
  return new TransportError(
    kind,
    error.rawMessage,
    isLost ? Code.Unavailable : error.code,
    disposition,
    error,
  );
}
