import { Code } from "@connectrpc/connect";
import { TransportError } from "../transport-error.js";

// An alert record of TLS (RFC 8446, 5.1 and 6), which a TLS server may answer plaintext with.
const alertBytes = 7;

/** Why a server that never spoke HTTP/2 closed the connection, as far as that shows. */
export function explainSilence(heardBytes: number | undefined, tls: boolean): Error {
  if (!tls && heardBytes === alertBytes) {
    const message = "the server speaks TLS and this endpoint does not ask for it";
    return new TransportError("protocol", message, Code.Unavailable, "unsent");
  }
  return new Error("the server closed the connection before it said a word");
}
