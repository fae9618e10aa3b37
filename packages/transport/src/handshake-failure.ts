import { Code } from "@connectrpc/connect";
import { TransportError } from "./transport-error.js";

// Errors of OpenSSL and of the certificate check as Node names them.
const tlsCode =
  /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CRL_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|EPROTO$)/;

/**
 * Marks what TLS refused as such, and says in words what made a handshake fail where Node only has OpenSSL's line for it.
 * Other errors are returned as they are.
 */
export function explainHandshake(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return error;
  const { code } = error;
  if (!tlsCode.test(code)) return error;
  if (!code.startsWith("ERR_SSL_"))
    return new TransportError("tls", error.message, Code.Unavailable, "unsent", error);
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
