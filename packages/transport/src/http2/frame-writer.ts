import { defaultMaxFrameBytes, Flag, FrameType, frameHeaderBytes, preface } from "./frame.js";

// Frames are written one behind the other into blocks of this size; what a turn of the event loop wrote leaves in one piece.
const blockBytes = 64 * 1024;
// A payload from here on is not copied into the block but handed to the socket as it is.
const ownPieceBytes = 16 * 1024;

/**
 * Joins frames into as few pieces for the socket as possible. Blocks are never reused: the socket may hold on to them.
 */
export class FrameWriter {
  readonly #pieces: Buffer[] = [];
  #block: Buffer = Buffer.allocUnsafeSlow(blockBytes);
  #start = 0;
  #end = 0;

  /** Bytes written since the beginning. */
  written = 0;

  /** Whether anything waits to be taken. */
  get pending(): boolean {
    return this.#end > this.#start || this.#pieces.length > 0;
  }

  /** Makes room for `bytes` in one piece; returns the buffer. Write at {@link position}, then {@link advance}. */
  reserve(bytes: number): Buffer {
    if (this.#block.length - this.#end < bytes) {
      this.#cut();
      this.#block = Buffer.allocUnsafeSlow(Math.max(blockBytes, bytes));
      this.#start = 0;
      this.#end = 0;
    }
    return this.#block;
  }

  get position(): number {
    return this.#end;
  }

  advance(bytes: number): void {
    this.#end += bytes;
    this.written += bytes;
  }

  preface(): void {
    const block = this.reserve(preface.length);
    preface.copy(block, this.#end);
    this.advance(preface.length);
  }

  frameHeader(length: number, type: number, flags: number, streamId: number): void {
    const block = this.reserve(frameHeaderBytes);
    writeFrameHeader(block, this.#end, length, type, flags, streamId);
    this.advance(frameHeaderBytes);
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length >= ownPieceBytes) {
      this.#cut();
      this.#pieces.push(Buffer.from(source.buffer, source.byteOffset + start, length));
      this.written += length;
      return;
    }
    const block = this.reserve(length);
    block.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.#end);
    this.advance(length);
  }

  settings(values: readonly (readonly [id: number, value: number])[]): void {
    this.frameHeader(values.length * 6, FrameType.settings, 0, 0);
    const block = this.reserve(values.length * 6);
    for (const [id, value] of values) {
      block.writeUInt16BE(id, this.#end);
      block.writeUInt32BE(value, this.#end + 2);
      this.advance(6);
    }
  }

  settingsAck(): void {
    this.frameHeader(0, FrameType.settings, Flag.ack, 0);
  }

  /** A header block: one HEADERS frame, and CONTINUATION for what does not fit into it (RFC 9113, 4.3). */
  headers(streamId: number, block: Buffer): void {
    let type: number = FrameType.headers;
    let position = 0;
    do {
      const next = Math.min(position + defaultMaxFrameBytes, block.length);
      this.frameHeader(next - position, type, next === block.length ? Flag.endHeaders : 0, streamId);
      this.bytes(block, position, next);
      position = next;
      type = FrameType.continuation;
    } while (position < block.length);
  }

  /** A ping, or the answer to one. `payload` has 8 bytes. */
  ping(payload: Buffer, ack: boolean): void {
    this.frameHeader(8, FrameType.ping, ack ? Flag.ack : 0, 0);
    this.bytes(payload, 0, 8);
  }

  rstStream(streamId: number, code: number): void {
    this.frameHeader(4, FrameType.rstStream, 0, streamId);
    this.#uint32(code);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.frameHeader(4, FrameType.windowUpdate, 0, streamId);
    this.#uint32(increment);
  }

  goaway(lastStreamId: number, code: number): void {
    this.frameHeader(8, FrameType.goaway, 0, 0);
    this.#uint32(lastStreamId);
    this.#uint32(code);
  }

  /** Takes everything that waits, in order. */
  take(): readonly Buffer[] {
    this.#cut();
    return this.#pieces.splice(0);
  }

  #uint32(value: number): void {
    const block = this.reserve(4);
    block.writeUInt32BE(value >>> 0, this.#end);
    this.advance(4);
  }

  #cut(): void {
    if (this.#end > this.#start) this.#pieces.push(this.#block.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

/** Writes the 9 bytes in front of a payload (RFC 9113, 4.1). */
export function writeFrameHeader(
  target: Buffer,
  position: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[position] = length >>> 16;
  target[position + 1] = length >>> 8;
  target[position + 2] = length;
  target[position + 3] = type;
  target[position + 4] = flags;
  target[position + 5] = streamId >>> 24;
  target[position + 6] = streamId >>> 16;
  target[position + 7] = streamId >>> 8;
  target[position + 8] = streamId;
}
