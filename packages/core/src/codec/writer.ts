import type { UnknownField } from "@bufbuild/protobuf";
import { sizeOfEnums } from "./sizes.js";

// Above this length the built-in copy is faster than a loop.
const loopLimit = 24;

/** Writes a varint of up to 32 bits: a tag or a length. Returns where it ends, as all of these do. */
export function writeUint32(target: Buffer, start: number, value: number): number {
  let position = start;
  let rest = value;
  while (rest >>> 0 > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

/** Writes an enum's number, a negative one as if it had 64 bits. */
export function writeEnum(target: Buffer, start: number, value: number): number {
  if (value >= 0) return writeUint32(target, start, value);
  let position = start;
  let rest: number = value;
  for (let index = 0; index < 9; index++) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>= 7;
  }
  target[position++] = 1;
  return position;
}

/** Writes a packed list of enum numbers, its length in front. */
export function writeEnums(target: Buffer, start: number, values: readonly number[]): number {
  let position = writeUint32(target, start, sizeOfEnums(values, ""));
  for (const value of values) position = writeEnum(target, position, value);
  return position;
}

/** Writes a value with its length in front. */
export function writeBytes(target: Buffer, start: number, value: Uint8Array): number {
  const { length } = value;
  const position = writeUint32(target, start, length);
  if (length > loopLimit) {
    target.set(value, position);
  } else {
    for (let index = 0; index < length; index++) target[position + index] = value[index] ?? 0;
  }
  return position + length;
}

/** Writes text of `size` bytes with its length in front. */
export function writeString(target: Buffer, start: number, value: string, size: number): number {
  const position = writeUint32(target, start, size);
  target.write(value, position, size, "utf8");
  return position + size;
}

/** Writes fields that this version of the protocol does not know, as they were read. */
export function writeUnknown(target: Buffer, start: number, fields: readonly UnknownField[]): number {
  let position = start;
  for (const { no, wireType, data } of fields) {
    position = writeUint32(target, position, (no << 3) | wireType);
    target.set(data, position);
    position += data.length;
  }
  return position;
}
