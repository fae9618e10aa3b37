import { FrameType } from "./frame.js";

/**
 * What a server seems to be whose first bytes are not HTTP/2's, for an error that helps.
 *
 * @returns `undefined` for the beginning of a SETTINGS frame, as HTTP/2 has it (RFC 9113, 3.4), and for too few bytes to
 * tell.
 */
export function describeForeignServer(first: Buffer): string | undefined {
  // The alert that a TLS server sends when it finds no handshake (RFC 8446, 6).
  if (first[0] === 0x15 && first[1] === 0x03)
    return "the server speaks TLS and this endpoint does not ask for it";
  if (first.toString("latin1", 0, 5) === "HTTP/") return "the server speaks HTTP/1.1, not HTTP/2";
  if (first.length < 4 || first[3] === FrameType.settings) return undefined;
  return "the server does not speak HTTP/2";
}
