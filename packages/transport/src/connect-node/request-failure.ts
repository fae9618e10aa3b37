import { Code, ConnectError } from "@connectrpc/connect";
import { type FailureKind, failureKindOf } from "../failure-kind.js";
import { TransportError } from "../transport-error.js";

// Of a reset either connect-node tells or Node itself, whichever comes first, each in its own words.
const resetStream = /^(?:http\/2 s|S)tream closed with error code (?:NGHTTP2_)?(\w+)/;

// gRPC over HTTP/2, "Errors"; connect-node's own table is used only where its own words came first.
const codeByReset: ReadonlyMap<string, Code> = new Map([
  ["REFUSED_STREAM", Code.Unavailable],
  ["CANCEL", Code.Canceled],
  ["ENHANCE_YOUR_CALM", Code.ResourceExhausted],
  ["INADEQUATE_SECURITY", Code.PermissionDenied],
]);

/** What connect-node rejected with, as a {@link TransportError}, unless the server sent it or the caller aborted. */
export function requestFailure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!(error instanceof ConnectError) || error instanceof TransportError || signal?.aborted) return error;
  const kind = failureKindOf(error);
  if (kind === undefined) return error;
  const reset = resetStream.exec(error.rawMessage)?.[1];
  // RFC 9113, 8.7. Streams beyond the last one of GOAWAY end so in Node, too.
  const disposition = reset === "REFUSED_STREAM" ? "refused" : "unknown";
  return new TransportError(kind, error.rawMessage, codeOf(error, kind, reset), disposition, error);
}

function codeOf(error: ConnectError, kind: FailureKind, reset: string | undefined): Code {
  if (reset !== undefined) return codeByReset.get(reset) ?? error.code;
  // connect-node takes the end of the session for an internal error.
  return kind === "link" && error.code === Code.Internal ? Code.Unavailable : error.code;
}
