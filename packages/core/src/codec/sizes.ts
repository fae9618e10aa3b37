import { Buffer } from "node:buffer";
import type { UnknownField } from "@bufbuild/protobuf";
import { isBytes } from "../bytes.js";

/**
 * The sizes of the messages within a message, noted on the first pass and used on the second: both meet them in the same
 * order. The array is kept from message to message.
 */
export class Sizes {
  /** Bytes of the whole message. */
  total = 0;
  readonly #noted: number[] = [];
  #count = 0;
  #next = 0;

  clear(): void {
    this.#count = 0;
    this.#next = 0;
  }

  /** Takes the place of a message that is about to be measured; the messages in it come after it. */
  open(): number {
    const place = this.#count++;
    this.#noted[place] = 0;
    return place;
  }

  /** Notes the size of the message at `place`; returns its bytes with the length in front. */
  close(place: number, size: number): number {
    this.#noted[place] = size;
    return size + sizeOfUint32(size);
  }

  /** The size of the next message. */
  next(): number {
    return this.#noted[this.#next++] ?? 0;
  }
}

/** Bytes of a varint of up to 32 bits. */
export function sizeOfUint32(value: number): number {
  return ((38 - Math.clz32(value | 1)) / 7) | 0;
}

/** Bytes of an enum's number; a negative one takes ten, as an int64 would (Protocol Buffers, "Encoding"). */
export function sizeOfEnum(value: number, name: string): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number`);
  if ((value | 0) !== value) throw new RangeError(`${name} must be an integer of 32 bits`);
  return value < 0 ? 10 : sizeOfUint32(value);
}

/** Bytes of the numbers of a packed list, without the length in front. */
export function sizeOfEnums(values: readonly number[], name: string): number {
  let size = 0;
  for (const value of values) size += sizeOfEnum(value, name);
  return size;
}

/** Bytes of a value with its length in front. Plain arrays of numbers are taken too, as protobuf-es takes them. */
export function sizeOfBytes(value: Uint8Array, name: string): number {
  if (!(isBytes(value) || Array.isArray(value))) throw new TypeError(`${name} must be a Uint8Array`);
  return value.length + sizeOfUint32(value.length);
}

/** Bytes of text in UTF-8, without the length in front. */
export function sizeOfString(value: string, name: string): number {
  if (typeof value !== "string") throw new TypeError(`${name} must be a string`);
  return Buffer.byteLength(value);
}

/** Bytes of fields that this version of the protocol does not know. */
export function sizeOfUnknown(fields: readonly UnknownField[]): number {
  let size = 0;
  for (const { no, wireType, data } of fields) size += sizeOfUint32((no << 3) | wireType) + data.length;
  return size;
}
