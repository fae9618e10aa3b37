import { ErrorCode, FrameType, frameHeaderBytes, preface } from "../../src/http2/frame.js";

/** One frame, taken apart. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId, 5);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** Takes bytes apart that consist of whole frames; a preface in front is left out. */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let position = bytes.subarray(0, preface.length).equals(preface) ? preface.length : 0;
  while (position < bytes.length) {
    const length = bytes.readUIntBE(position, 3);
    const payload = bytes.subarray(position + frameHeaderBytes, position + frameHeaderBytes + length);
    if (payload.length < length) throw new Error(`a frame of ${length} bytes ends after ${payload.length}`);
    frames.push({
      type: bytes.readUInt8(position + 3),
      flags: bytes.readUInt8(position + 4),
      streamId: bytes.readUInt32BE(position + 5),
      payload,
    });
    position += frameHeaderBytes + length;
  }
  return frames;
}

/** A header block of literals that are indexed nowhere and in no code (RFC 7541, 6.2.2). */
export function block(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const text = (value: string): Buffer =>
    Buffer.concat([integer(0, 7, value.length), Buffer.from(value, "latin1")]);
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** An integer with a prefix (RFC 7541, 5.1). */
export function integer(pattern: number, bits: number, value: number): Buffer {
  const mask = 2 ** bits - 1;
  if (value < mask) return Buffer.of(pattern | value);
  const out = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  return Buffer.from([...out, rest]);
}

export const settings = (...values: readonly (readonly [id: number, value: number])[]): Buffer => {
  const payload = Buffer.alloc(6 * values.length);
  for (const [index, [id, value]] of values.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(FrameType.settings, 0, 0, payload);
};

export const settingsAck: Buffer = frame(FrameType.settings, 1, 0);

const uint32 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * index);
  return bytes;
};

export const headers = (
  streamId: number,
  fields: readonly (readonly [string, string])[],
  { end = false }: { readonly end?: boolean } = {},
): Buffer => frame(FrameType.headers, 4 | (end ? 1 : 0), streamId, block(fields));

export const data = (
  streamId: number,
  payload: Uint8Array,
  { end = false }: { readonly end?: boolean } = {},
): Buffer => frame(FrameType.data, end ? 1 : 0, streamId, payload);

export const rstStream = (streamId: number, code: number): Buffer =>
  frame(FrameType.rstStream, 0, streamId, uint32(code));

export const windowUpdate = (streamId: number, increment: number): Buffer =>
  frame(FrameType.windowUpdate, 0, streamId, uint32(increment));

export const goaway = (lastStreamId: number, code: number = ErrorCode.noError, debug = ""): Buffer =>
  frame(FrameType.goaway, 0, 0, Buffer.concat([uint32(lastStreamId, code), Buffer.from(debug)]));

export const ping = (payload = "01234567", ack = false): Buffer =>
  frame(FrameType.ping, ack ? 1 : 0, 0, Buffer.from(payload));

/** The head of a gRPC response. */
export const headFields = [
  [":status", "200"],
  ["content-type", "application/grpc"],
] as const;

export const head = (streamId: number): Buffer => headers(streamId, headFields);

/** The trailers of a call that succeeded, unless another status is given. */
export const trailers = (streamId: number, ...fields: readonly (readonly [string, string])[]): Buffer =>
  headers(streamId, fields.length === 0 ? [["grpc-status", "0"]] : fields, { end: true });

/** A message with its prefix (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export function message(content: Uint8Array | string, flag = 0): Buffer {
  const bytes = Buffer.from(content as string);
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}
