import { ConnectionViolation, ErrorCode } from "../http2/frame.js";
import { decodeHuffman } from "./huffman.js";
import { staticTable } from "./static-table.js";

/** Fields of one header block, in order. Names are lower case, values are Latin-1. */
export type HeaderFields = readonly (readonly [name: string, value: string])[];

// Servers send the same few blocks over and over; those are kept. Longer ones carry something of their own.
const longestKept = 256;
const mostKept = 8;

/**
 * Decodes header blocks (RFC 7541) of a peer that was told to keep no dynamic table: `SETTINGS_HEADER_TABLE_SIZE` is 0 for
 * as long as the connection lasts. Each block then stands for itself. An entry that would be indexed is larger than the
 * table and leaves it empty (RFC 7541, 4.4); a reference to the dynamic table or a larger table is a violation.
 */
export class HeaderDecoder {
  readonly #maxListBytes: number;
  readonly #kept: { readonly block: Buffer; readonly fields: HeaderFields }[] = [];

  /** @param maxListBytes - Largest list of fields, counted as RFC 9113, 6.5.2 counts it. */
  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /** @throws {@link ConnectionViolation} for a block that cannot be decoded, or is too large. */
  decode(buffer: Buffer, start: number, end: number): HeaderFields {
    const length = end - start;
    if (length > longestKept) return this.#decode(buffer, start, end);
    for (const { block, fields } of this.#kept) {
      if (block.length === length && isEqual(block, buffer, start)) return fields;
    }
    const fields = this.#decode(buffer, start, end);
    if (this.#kept.length === mostKept) this.#kept.shift();
    this.#kept.push({ block: Buffer.from(buffer.subarray(start, end)), fields });
    return fields;
  }

  #decode(buffer: Buffer, start: number, end: number): HeaderFields {
    const fields: [string, string][] = [];
    const cursor = new Cursor(buffer, start, end);
    let size = 0;
    while (cursor.position < end) {
      const first = buffer[cursor.position] ?? 0;
      if (first >= 0x80) {
        const [name, value] = indexed(cursor.integer(7));
        size = this.#add(fields, name, value, size);
      } else if (first >= 0x20 && first < 0x40) {
        // A change of the table's size comes before all fields (RFC 7541, 4.2), and 0 is all that we allow.
        if (fields.length > 0) throw violation("a table size update behind a field");
        if (cursor.integer(5) !== 0) throw violation("a table size above the announced one");
      } else {
        // With indexing (01), without (0000) or never (0001) make no difference without a table.
        const index = cursor.integer(first >= 0x40 ? 6 : 4);
        const name = index === 0 ? cursor.string() : indexed(index)[0];
        size = this.#add(fields, name, cursor.string(), size);
      }
    }
    return fields;
  }

  #add(fields: [string, string][], name: string, value: string, size: number): number {
    const total = size + name.length + value.length + 32;
    if (total > this.#maxListBytes) {
      throw new ConnectionViolation(
        ErrorCode.enhanceYourCalm,
        `a header list of more than ${this.#maxListBytes} bytes`,
      );
    }
    fields.push([name, value]);
    return total;
  }
}

function isEqual(block: Buffer, buffer: Buffer, start: number): boolean {
  for (let index = 0; index < block.length; index++) {
    if (block[index] !== buffer[start + index]) return false;
  }
  return true;
}

function violation(what: string): ConnectionViolation {
  return new ConnectionViolation(ErrorCode.compressionError, `header block: ${what}`);
}

function indexed(index: number): readonly [string, string] {
  const entry = staticTable[index - 1];
  if (entry === undefined) throw violation(`index ${index} is in no table`);
  return entry;
}

/** Reads the primitives of RFC 7541, 5. */
class Cursor {
  readonly #buffer: Buffer;
  readonly #end: number;
  position: number;

  constructor(buffer: Buffer, start: number, end: number) {
    this.#buffer = buffer;
    this.position = start;
    this.#end = end;
  }

  /** An integer with a prefix of `bits` (RFC 7541, 5.1), refused above 2^28: nothing sensible is that large. */
  integer(bits: number): number {
    const mask = (1 << bits) - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      if (shift > 21) throw violation("an integer that is too large");
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  /** A string (RFC 7541, 5.2). */
  string(): string {
    const huffman = (this.#buffer[this.position] ?? 0) >= 0x80;
    const length = this.integer(7);
    const start = this.position;
    if (length > this.#end - start) throw violation("a string that ends behind the block");
    this.position = start + length;
    if (!huffman) return this.#buffer.toString("latin1", start, this.position);
    const text = decodeHuffman(this.#buffer, start, this.position);
    if (text === undefined) throw violation("a string that is not in Huffman code");
    return text;
  }

  #byte(): number {
    if (this.position >= this.#end) throw violation("an end in the middle of a field");
    return this.#buffer[this.position++] ?? 0;
  }
}
