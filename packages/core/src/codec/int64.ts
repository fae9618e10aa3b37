// A bigint of 64 bits and its halves, in one place of memory: stores and loads that the compiler turns into single
// machine instructions, while BigInt() and Number() are calls.
const signed = new BigInt64Array(1);
const unsigned = new BigUint64Array(signed.buffer);
const words = new Int32Array(signed.buffer);
const low = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 0 : 1;
const high = 1 - low;

// Versions, leases that are none, revisions of young clusters: made once.
const smallLimit = 1024;
const small = Array.from({ length: smallLimit }, (_, value) => BigInt(value));

/** The signed number with these halves. */
export function toInt64(lowWord: number, highWord: number): bigint {
  if (highWord === 0 && lowWord >>> 0 < smallLimit) return small[lowWord] ?? 0n;
  words[low] = lowWord;
  words[high] = highWord;
  return signed[0] ?? 0n;
}

/** The number without sign with these halves. */
export function toUint64(lowWord: number, highWord: number): bigint {
  if (highWord === 0 && lowWord >>> 0 < smallLimit) return small[lowWord] ?? 0n;
  words[low] = lowWord;
  words[high] = highWord;
  return unsigned[0] ?? 0n;
}

/** Bytes of a varint; a negative number takes ten (Protocol Buffers, "Encoding"). */
export function sizeOfInt64(value: bigint, name: string): number {
  const exact = typeof value === "bigint" ? value : BigInt(value);
  signed[0] = exact;
  if (signed[0] !== exact) throw new RangeError(`${name} must fit in 64 bits`);
  return sizeOfWords();
}

/** Bytes of a varint without sign. */
export function sizeOfUint64(value: bigint, name: string): number {
  const exact = typeof value === "bigint" ? value : BigInt(value);
  unsigned[0] = exact;
  if (unsigned[0] !== exact) throw new RangeError(`${name} must fit in 64 bits without a sign`);
  return sizeOfWords();
}

function sizeOfWords(): number {
  const highWord = words[high] ?? 0;
  if (highWord === 0) return ((38 - Math.clz32((words[low] ?? 0) | 1)) / 7) | 0;
  return ((70 - Math.clz32(highWord)) / 7) | 0;
}

/** Writes an int64 or uint64 that has been measured; returns where it ends. */
export function writeVarint64(target: Buffer, start: number, value: bigint): number {
  signed[0] = typeof value === "bigint" ? value : BigInt(value);
  let lowWord = words[low] ?? 0;
  let highWord = words[high] ?? 0;
  let position = start;
  while (highWord !== 0) {
    target[position++] = (lowWord & 0x7f) | 0x80;
    lowWord = (lowWord >>> 7) | (highWord << 25);
    highWord >>>= 7;
  }
  while (lowWord >>> 0 > 0x7f) {
    target[position++] = (lowWord & 0x7f) | 0x80;
    lowWord >>>= 7;
  }
  target[position++] = lowWord;
  return position;
}
