/** What a server seems to be whose first bytes are not HTTP/2, for an error that helps. */
export function describeForeignServer(first: Buffer): string {
  if (first[0] === 0x15 && first[1] === 0x03) return "the server speaks TLS and this endpoint does not ask for it";
  const text = first.toString("latin1", 0, 64);
  if (text.startsWith("HTTP/1.")) return "the server speaks HTTP/1.1, not HTTP/2";
  return "the server does not speak HTTP/2";
}
