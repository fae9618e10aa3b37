import { EtcdError } from "../errors/etcd-error.js";

/**
 * Says in words what made a handshake fail, where Node only has OpenSSL's line for it. Other errors are returned as they
 * are.
 */
export function explainHandshake(error: unknown): unknown {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return error;
  if (!error.code.startsWith("ERR_SSL_")) return error;
  const reason = "reason" in error && typeof error.reason === "string" ? error.reason : error.code;
  if (error.code.endsWith("ALERT_NO_APPLICATION_PROTOCOL")) {
    return new EtcdError("PROTOCOL", `the server does not speak HTTP/2 (${reason})`, { cause: error });
  }
  // What OpenSSL makes of bytes that are not TLS.
  const foreign = ["WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "UNEXPECTED_MESSAGE"];
  const text = foreign.some((name) => error.code === `ERR_SSL_${name}`)
    ? "the server does not speak TLS"
    : "the TLS handshake failed";
  return new EtcdError("TLS", `${text} (${reason})`, { cause: error });
}

// An alert record of TLS (RFC 8446, 5.1 and 6), which a TLS server may answer plaintext with.
const alertBytes = 7;

/** Why a server that never spoke HTTP/2 closed the connection, as far as that shows. */
export function explainSilence(heardBytes: number | undefined, tls: boolean): Error {
  if (!tls && heardBytes === alertBytes) {
    return new EtcdError("PROTOCOL", "the server answered with a TLS alert instead of HTTP/2; use https://");
  }
  return new Error("the server closed the connection before it said a word");
}
