import type { UnknownField } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { CopiedBytes } from "./copied-bytes.js";
import { toInt64, toUint64 } from "./int64.js";

/** How deep messages and groups may nest; as protobuf-es limits it. */
const depthLimit = 100;

/** The tag of field 1 with wire type 0. */
const lowestTag = 0x08;
const lastWireType: number = WireType.Bit32;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the values of one message where they lie. Callers keep the position in a variable of their own: each method
 * takes it and leaves the new one in {@link position}.
 *
 * What it accepts is what protobuf-es accepts, its leniencies included: a known field is read as its type says, whatever
 * its wire type; the last field of an inner message may reach beyond that message's end, and is followed by the outer
 * message's next field.
 */
export class Reader {
  /** Where the value ended that was read last. */
  position: number;
  readonly #source: Buffer;
  /** Where the outermost message ends. No value reaches beyond it. */
  readonly #limit: number;
  readonly #copied: CopiedBytes;
  #low = 0;
  #high = 0;

  constructor(source: Buffer, start: number, end: number) {
    if (end > source.length) throw truncated();
    this.#source = source;
    this.position = start;
    this.#limit = end;
    this.#copied = new CopiedBytes(source, end);
  }

  /** Refuses a message that lies too deep; the outermost has depth 1. */
  enter(typeName: string, depth: number): void {
    if (depth > depthLimit) {
      throw new Error(
        `cannot decode message ${typeName} from binary: maximum recursion depth of ${depthLimit} reached`,
      );
    }
  }

  /** Field number and wire type. */
  tag(start: number): number {
    const first = this.#byte(start);
    if (first >= lowestTag && first < 0x80 && (first & 7) <= lastWireType && start < this.#limit) {
      this.position = start + 1;
      return first;
    }
    return this.#longTag(start);
  }

  /** The lower 32 bits of a varint. */
  uint32(start: number): number {
    const first = this.#byte(start);
    if (first < 0x80 && start < this.#limit) {
      this.position = start + 1;
      return first;
    }
    return this.#longUint32(start);
  }

  /** The end of the message or the packed list whose length stands here. */
  end(start: number): number {
    const length = this.uint32(start);
    const end = this.position + length;
    if (end > this.#limit) throw truncated();
    return end;
  }

  int64(start: number): bigint {
    this.#varint64(start);
    return toInt64(this.#low, this.#high);
  }

  uint64(start: number): bigint {
    this.#varint64(start);
    return toUint64(this.#low, this.#high);
  }

  bool(start: number): boolean {
    this.#varint64(start);
    return (this.#low | this.#high) !== 0;
  }

  /** An enum's number; enums are open, so that any will do. */
  enum(start: number): number {
    return this.uint32(start) | 0;
  }

  /** Adds to a list of enum numbers: one, or as many as are packed together. */
  enums(start: number, tag: number, list: number[]): void {
    if ((tag & 7) !== WireType.LengthDelimited) {
      list.push(this.enum(start));
      return;
    }
    const end = this.end(start);
    while (this.position < end) list.push(this.enum(this.position));
  }

  /** A copy of a value. */
  bytes(start: number): Uint8Array {
    const end = this.end(start);
    const from = this.position;
    this.position = end;
    return this.#copied.take(from, end);
  }

  /** @throws for text that is not UTF-8. */
  string(start: number): string {
    const end = this.end(start);
    const from = this.position;
    this.position = end;
    return from === end ? "" : utf8.decode(this.#source.subarray(from, end));
  }

  /** A field that this version of the protocol does not know, in a message at `depth`. */
  unknown(start: number, tag: number, depth: number): UnknownField {
    this.position = start;
    this.#skip(tag, depthLimit - depth);
    return { no: tag >>> 3, wireType: tag & 7, data: this.#copied.take(start, this.position) };
  }

  #skip(tag: number, depthLeft: number): void {
    switch (tag & 7) {
      case WireType.Varint:
        // Of any length, unlike those that are read.
        while (this.position < this.#limit && this.#byte(this.position) > 0x7f) this.position++;
        this.position++;
        break;
      case WireType.Bit64:
        this.position += 8;
        break;
      case WireType.LengthDelimited:
        this.position = this.end(this.position);
        break;
      case WireType.StartGroup:
        this.#skipGroup(tag >>> 3, depthLeft);
        break;
      case WireType.Bit32:
        this.position += 4;
        break;
      default:
        throw new Error(`the end of group ${tag >>> 3}, which has not begun`);
    }
    if (this.position > this.#limit) throw truncated();
  }

  #skipGroup(field: number, depthLeft: number): void {
    if (depthLeft <= 0) throw new Error("maximum recursion depth reached");
    while (true) {
      const tag = this.tag(this.position);
      if ((tag & 7) === WireType.EndGroup) {
        if (tag >>> 3 !== field) throw new Error(`group ${field} ends as group ${tag >>> 3}`);
        return;
      }
      this.#skip(tag, depthLeft - 1);
    }
  }

  #longTag(start: number): number {
    const tag = this.uint32(start);
    const length = this.position - start;
    // More than 32 bits, which other numbers may have: uint32() drops what is above.
    if (length > 5 || (length === 5 && this.#byte(start + 4) > 0x0f))
      throw new Error("illegal tag: more than 32 bits");
    if (tag >>> 3 === 0 || (tag & 7) > lastWireType) {
      throw new Error(`illegal tag: field ${tag >>> 3}, wire type ${tag & 7}`);
    }
    return tag;
  }

  #longUint32(start: number): number {
    let position = start;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#byte(position++);
      if (shift < 35) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (position > this.#limit) break;
        this.position = position;
        return value >>> 0;
      }
    }
    throw brokenVarint(position > this.#limit);
  }

  /** Reads a varint of up to ten bytes into {@link #low} and {@link #high}. */
  #varint64(start: number): void {
    let position = start;
    let byte = this.#byte(position++);
    let low = byte & 0x7f;
    let high = 0;
    for (let shift = 7; byte > 0x7f && shift < 28; shift += 7) {
      byte = this.#byte(position++);
      low |= (byte & 0x7f) << shift;
    }
    if (byte > 0x7f) {
      byte = this.#byte(position++);
      low |= byte << 28;
      high = (byte & 0x7f) >> 4;
      for (let shift = 3; byte > 0x7f && shift < 32; shift += 7) {
        byte = this.#byte(position++);
        high |= (byte & 0x7f) << shift;
      }
    }
    if (byte > 0x7f || position > this.#limit) throw brokenVarint(position > this.#limit);
    this.position = position;
    this.#low = low;
    this.#high = high;
  }

  /** Beyond the message these are others' bytes, and beyond the buffer zeros: who reads them looks at the limit after. */
  #byte(position: number): number {
    return this.#source[position] ?? 0;
  }
}

function brokenVarint(atEnd: boolean): Error {
  return atEnd ? truncated() : new Error("invalid varint: more than ten bytes");
}

function truncated(): RangeError {
  return new RangeError("premature end of the message");
}
