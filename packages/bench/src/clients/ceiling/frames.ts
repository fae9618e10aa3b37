/** Frame types (RFC 9113, 6) that a unary call meets. */
export const FrameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const;

export const Flag = { ack: 1, endStream: 1, endHeaders: 4 } as const;

export const frameHeaderBytes = 9;
export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

// What every server takes, and we ask for no more (RFC 9113, 4.2).
const maxPayloadBytes = 16_384;

/** A request as it travels, but for its stream: the places where the id of the stream has to be put are listed. */
export interface PreparedRequest {
  readonly frames: Buffer;
  readonly streamIdsAt: readonly number[];
  /** What counts against the server's flow-control windows. */
  readonly dataBytes: number;
}

/** A frame on a stream whose id is not known yet, or on the connection. */
export function frame(type: number, flags: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** Builds the frames of a unary gRPC request: one HEADERS, and as many DATA as the message needs. */
export function prepareRequest(authority: string, path: string, message: Uint8Array): PreparedRequest {
  const content = Buffer.alloc(5 + message.length); // not compressed, then the length
  content.writeUInt32BE(message.length, 1);
  content.set(message, 5);

  const frames = [frame(FrameType.headers, Flag.endHeaders, headerBlock(authority, path))];
  for (let at = 0; at < content.length; at += maxPayloadBytes) {
    const payload = content.subarray(at, at + maxPayloadBytes);
    const isLast = at + payload.length === content.length;
    frames.push(frame(FrameType.data, isLast ? Flag.endStream : 0, payload));
  }
  const streamIdsAt: number[] = [];
  let position = 0;
  for (const { length } of frames) {
    streamIdsAt.push(position + 5);
    position += length;
  }
  return { frames: Buffer.concat(frames), streamIdsAt, dataBytes: content.length };
}

/** Literal fields without Huffman coding, which the table of the server does not keep (RFC 7541, 6.2.2). */
function headerBlock(authority: string, path: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method POST, :scheme http (RFC 7541, appendix A)
    Buffer.from([0x01]),
    text(authority),
    Buffer.from([0x04]),
    text(path),
    Buffer.from([0x0f, 0x10]), // name 31: 15 in the prefix, 16 behind it
    text("application/grpc"),
    Buffer.from([0x00]),
    text("te"),
    text("trailers"),
  ]);
}

/** @throws `RangeError` when the text does not fit the one byte that its length has here. */
function text(content: string): Buffer {
  if (content.length > 126) throw new RangeError(`a header of ${content.length} bytes is too long`);
  return Buffer.concat([Buffer.from([content.length]), Buffer.from(content, "latin1")]);
}
