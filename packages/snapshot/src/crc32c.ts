/** The reversed Castagnoli polynomial; zlib's `crc32` has another one. */
const polynomial = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? polynomial : 0);
  return rest;
});

/**
 * CRC-32C (RFC 3720, appendix B.4) of bytes that follow others.
 *
 * @param crc - That of the bytes before, 0 at the beginning.
 */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  let rest = ~crc;
  for (const byte of bytes) rest = (rest >>> 8) ^ (table[(rest ^ byte) & 0xff] ?? 0);
  return ~rest >>> 0;
}
