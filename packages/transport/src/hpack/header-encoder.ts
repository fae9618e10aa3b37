import type { HeaderFields } from "./header-decoder.js";
import { staticTable } from "./static-table.js";

// What a peer keeps unless it says otherwise (RFC 9113, 6.5.2).
const defaultTableBytes = 4_096;

const staticExact = new Map<string, number>();
const staticName = new Map<string, number>();
for (const [index, [name, value]] of staticTable.entries()) {
  if (!staticName.has(name)) staticName.set(name, index + 1);
  staticExact.set(`${name}\0${value}`, index + 1);
}

/**
 * Encodes header blocks (RFC 7541). Fields are put into the peer's dynamic table at their first use, for as long as there
 * is room, and nothing is ever pushed out: a block then needs a byte or two a field, and stays as it is until somebody
 * brings in a new field. Secrets are never put there.
 */
export class HeaderEncoder {
  #tableBytes = defaultTableBytes;
  #used = 0;
  #entries = new Map<string, number>();
  #generation = 0;
  /** Size updates that the next block has to begin with (RFC 7541, 4.2). */
  #announce: readonly number[] = [];

  /** Changes whenever blocks that were encoded earlier must be encoded anew. */
  get generation(): number {
    return this.#generation;
  }

  /** The peer said how much it will keep. We never ask for more than the default. */
  setTableSize(bytes: number): void {
    const size = Math.min(bytes, defaultTableBytes);
    if (size === this.#tableBytes && this.#announce.length === 0) return;
    this.#tableBytes = size;
    this.#entries = new Map();
    this.#used = 0;
    this.#generation++;
    // Down to nothing first, so that both sides agree on an empty table.
    this.#announce = size === 0 ? [0] : [0, size];
  }

  /** Encodes a block. It must be sent before the next one is encoded. */
  encode(fields: HeaderFields, secret: ReadonlySet<string>): Buffer {
    const out: number[] = [];
    for (const size of this.#announce) integer(out, 0x20, 5, size);
    // A block with an announcement is for once only.
    if (this.#announce.length > 0) this.#generation++;
    this.#announce = [];
    for (const [name, value] of fields) this.#field(out, name, value, secret.has(name));
    return Buffer.from(out);
  }

  #field(out: number[], name: string, value: string, secret: boolean): void {
    const key = `${name}\0${value}`;
    const exact = staticExact.get(key);
    if (exact !== undefined) {
      integer(out, 0x80, 7, exact);
      return;
    }
    const order = this.#entries.get(key);
    if (order !== undefined) {
      // The newest entry has the lowest index (RFC 7541, 2.3.3).
      integer(out, 0x80, 7, staticTable.length + this.#entries.size - order);
      return;
    }
    const bytes = name.length + value.length + 32;
    const nameIndex = staticName.get(name) ?? 0;
    const keep = !secret && this.#used + bytes <= this.#tableBytes;
    if (keep) integer(out, 0x40, 6, nameIndex);
    else integer(out, secret ? 0x10 : 0x00, 4, nameIndex);
    if (nameIndex === 0) string(out, name);
    string(out, value);
    if (!keep) return;
    this.#entries.set(key, this.#entries.size);
    this.#used += bytes;
    this.#generation++;
  }
}

function integer(out: number[], pattern: number, bits: number, value: number): void {
  const mask = (1 << bits) - 1;
  if (value < mask) {
    out.push(pattern | value);
    return;
  }
  out.push(pattern | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80);
  out.push(rest);
}

function string(out: number[], text: string): void {
  integer(out, 0, 7, text.length);
  for (let index = 0; index < text.length; index++) out.push(text.charCodeAt(index) & 0xff);
}
