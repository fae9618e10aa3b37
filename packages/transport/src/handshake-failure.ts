import { Code } from "@connectrpc/connect";
import { isTlsCode } from "./failure-kind.js";
import { failureText } from "./failure-text.js";
import { linkError, TransportError } from "./transport-error.js";

/** What a dial rejects with: what TLS refused is marked as such, everything else is a matter of the link. */
export function dialFailure(reason: unknown): TransportError {
  if (reason instanceof TransportError) return reason;
  if (reason instanceof Error && "code" in reason && typeof reason.code === "string") {
    if (isTlsCode(reason.code)) return handshakeFailure(reason, reason.code);
    // What Node's own HTTP/2 makes of bytes that are not HTTP/2.
    if (reason.code === "ERR_HTTP2_ERROR") {
      return new TransportError("protocol", failureText(reason), Code.Unavailable, "unsent", reason);
    }
  }
  return linkError(reason, "unsent");
}

/** Settings that cannot be had, such as files that cannot be read, fail a link for good as TLS itself does. */
export function settingsFailure(cause: unknown): TransportError {
  return new TransportError("tls", failureText(cause), Code.Unavailable, "unsent", cause);
}

/** Says in words what made a handshake fail where Node only has OpenSSL's line for it. */
function handshakeFailure(error: Error, code: string): TransportError {
  if (!code.startsWith("ERR_SSL_")) return settingsFailure(error);
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : code;
  if (code.endsWith("ALERT_NO_APPLICATION_PROTOCOL")) {
    const message = `the server does not speak HTTP/2 (${reason})`;
    return new TransportError("protocol", message, Code.Unavailable, "unsent", error);
  }
  // What OpenSSL makes of bytes that are not TLS.
  const foreign = ["WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "UNEXPECTED_MESSAGE"];
  const text = foreign.some((name) => code === `ERR_SSL_${name}`)
    ? "the server does not speak TLS"
    : "the TLS handshake failed";
  return new TransportError("tls", `${text} (${reason})`, Code.Unavailable, "unsent", error);
}
