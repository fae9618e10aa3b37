import { staticTable } from "../../src/hpack/static-table.js";

// How many bits the code of each symbol has, from 0 to 256 (RFC 7541, Appendix B).
const bitsOf: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/** The code of each symbol as zeros and ones: canonical, shortest first, then in the order of the symbols. */
export const huffmanCodes: readonly string[] = (() => {
  const codes: string[] = [];
  let code = 0n;
  let bitsBefore = 0;
  const order = [...bitsOf.keys()].sort((a, b) => (bitsOf[a] ?? 0) - (bitsOf[b] ?? 0) || a - b);
  for (const symbol of order) {
    const bits = bitsOf[symbol] ?? 0;
    code <<= BigInt(bits - bitsBefore);
    bitsBefore = bits;
    codes[symbol] = (code++).toString(2).padStart(bits, "0");
  }
  return codes;
})();

/** Bytes of zeros and ones; what is missing from the last byte is filled with ones, as padding is (RFC 7541, 5.2). */
export function bytesOf(bits: string): Buffer {
  const whole = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from(whole.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

/** Puts Latin-1 text into Huffman code. */
export function huffman(text: string): Buffer {
  return bytesOf([...Buffer.from(text, "latin1")].map((symbol) => huffmanCodes[symbol] ?? "").join(""));
}

/** How a field was represented (RFC 7541, 6). */
export type Representation = "indexed" | "kept" | "plain" | "never";

/** A decoder with a dynamic table, as servers have it; strings in Huffman code are beyond it. */
export class ReferenceDecoder {
  readonly #table: (readonly [string, string])[] = [];
  /** The most that this decoder allows. */
  limit: number;
  #capacity: number;
  /** Size updates seen so far. */
  readonly updates: number[] = [];

  constructor(limit = 4_096) {
    this.limit = limit;
    this.#capacity = limit;
  }

  decode(block: Buffer): { readonly fields: [string, string][]; readonly how: Representation[] } {
    const fields: [string, string][] = [];
    const how: Representation[] = [];
    let position = 0;
    const integer = (bits: number): number => {
      const mask = 2 ** bits - 1;
      let value = (block[position++] ?? 0) & mask;
      if (value < mask) return value;
      for (let factor = 1; ; factor *= 128) {
        const byte = block[position++] ?? 0;
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    const text = (): string => {
      if ((block[position] ?? 0) >= 128) throw new Error("Huffman code");
      const length = integer(7);
      position += length;
      return block.toString("latin1", position - length, position);
    };
    while (position < block.length) {
      const first = block[position] ?? 0;
      if (first >= 0x80) {
        fields.push([...this.#at(integer(7))]);
        how.push("indexed");
        continue;
      }
      if (first >= 0x20 && first < 0x40) {
        const size = integer(5);
        if (fields.length > 0 || size > this.limit) throw new Error(`a table size update to ${size}`);
        this.updates.push(size);
        this.#capacity = size;
        this.#evict();
        continue;
      }
      const kept = first >= 0x40;
      const index = integer(kept ? 6 : 4);
      const name = index === 0 ? text() : this.#at(index)[0];
      const value = text();
      fields.push([name, value]);
      how.push(kept ? "kept" : first >= 0x10 ? "never" : "plain");
      if (!kept) continue;
      this.#table.unshift([name, value]);
      this.#evict();
    }
    return { fields, how };
  }

  get size(): number {
    return this.#table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  }

  #at(index: number): readonly [string, string] {
    const entry = staticTable[index - 1] ?? this.#table[index - 1 - staticTable.length];
    if (entry === undefined) throw new Error(`index ${index} is in no table`);
    return entry;
  }

  #evict(): void {
    while (this.size > this.#capacity) this.#table.pop();
  }
}
