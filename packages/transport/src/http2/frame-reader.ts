import type { Clock } from "../clock.js";
import {
  ConnectionViolation,
  defaultMaxFrameBytes,
  ErrorCode,
  FrameType,
  frameHeaderBytes,
} from "./frame.js";

/** Takes what a {@link FrameReader} finds. Payloads are parts of the reader's input: copy what has to last. */
export interface FrameSink {
  /** A whole frame that is not DATA. */
  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void;
  /**
   * A piece of a DATA frame; a frame may come in several. `frameStart` marks the first piece, whose `length` is that of
   * the whole payload, padding included; `frameEnd` marks the last.
   */
  onData(
    flags: number,
    streamId: number,
    length: number,
    frameStart: boolean,
    frameEnd: boolean,
    buffer: Buffer,
    start: number,
    end: number,
  ): void;
}

/**
 * Finds frames in a stream of bytes that is cut anywhere (RFC 9113, 4). It looks at the bytes where they are; only a frame
 * header or a control frame that is cut in two is put together in a buffer of its own, never larger than one frame. DATA
 * is passed on in pieces as it comes.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #clock: Clock;
  /** The beginning of a frame header or of a frame other than DATA, from earlier chunks. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  #heldSince = 0;
  /** Bytes of the current DATA frame that are still to come; -1 between frames. */
  #dataLeft = -1;
  #dataFlags = 0;
  #dataStream = 0;
  #stopped = false;

  constructor(sink: FrameSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  /** When the beginning arrived of a frame header, or of a frame other than DATA, that is not complete. */
  get heldSince(): number | undefined {
    return this.#heldBytes > 0 ? this.#heldSince : undefined;
  }

  /** Ignores everything from now on. */
  stop(): void {
    this.#stopped = true;
    this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
  }

  /** @throws {@link ConnectionViolation} for a frame that may not be. */
  read(chunk: Buffer): void {
    let position = 0;
    const end = chunk.length;
    while (position < end && !this.#stopped) {
      if (this.#dataLeft >= 0) {
        position = this.#readData(chunk, position, end);
      } else if (this.#heldBytes > 0) {
        position = this.#readHeld(chunk, position, end);
      } else if (end - position < frameHeaderBytes) {
        this.#hold(chunk, position, end);
        return;
      } else {
        position = this.#readFrame(chunk, position, end);
      }
    }
  }

  #readFrame(chunk: Buffer, position: number, end: number): number {
    const length = lengthAt(chunk, position);
    const type = chunk[position + 3] ?? 0;
    if (length > defaultMaxFrameBytes) {
      throw new ConnectionViolation(ErrorCode.frameSizeError, `a frame of ${length} bytes`);
    }
    const payload = position + frameHeaderBytes;
    if (type === FrameType.data) {
      this.#startData(chunk, position, length);
      return this.#readData(chunk, payload, end, true);
    }
    if (end - payload < length) {
      this.#hold(chunk, position, end);
      return end;
    }
    this.#sink.onFrame(
      type,
      chunk[position + 4] ?? 0,
      streamAt(chunk, position),
      chunk,
      payload,
      payload + length,
    );
    return payload + length;
  }

  #startData(buffer: Buffer, position: number, length: number): void {
    this.#dataLeft = length;
    this.#dataFlags = buffer[position + 4] ?? 0;
    this.#dataStream = streamAt(buffer, position);
  }

  #readData(chunk: Buffer, position: number, end: number, frameStart = false): number {
    const length = this.#dataLeft;
    const pieceEnd = Math.min(end, position + length);
    const left = length - (pieceEnd - position);
    if (left > 0 && pieceEnd === position && !frameStart) return position;
    this.#dataLeft = left === 0 ? -1 : left;
    this.#sink.onData(
      this.#dataFlags,
      this.#dataStream,
      length,
      frameStart,
      left === 0,
      chunk,
      position,
      pieceEnd,
    );
    return pieceEnd;
  }

  /** Completes what is held, byte by byte no further than its frame. */
  #readHeld(chunk: Buffer, position: number, end: number): number {
    let next = position;
    if (this.#heldBytes < frameHeaderBytes) {
      next = Math.min(end, position + frameHeaderBytes - this.#heldBytes);
      this.#hold(chunk, position, next);
      if (this.#heldBytes < frameHeaderBytes) return next;
    }
    const held = this.#held;
    const length = lengthAt(held, 0);
    if (length > defaultMaxFrameBytes) {
      throw new ConnectionViolation(ErrorCode.frameSizeError, `a frame of ${length} bytes`);
    }
    if (held[3] === FrameType.data) {
      this.#startData(held, 0, length);
      this.#heldBytes = 0;
      return this.#readData(chunk, next, end, true);
    }
    const pieceEnd = Math.min(end, next + frameHeaderBytes + length - this.#heldBytes);
    this.#hold(chunk, next, pieceEnd);
    if (this.#heldBytes === frameHeaderBytes + length) {
      this.#heldBytes = 0;
      const frame = this.#held;
      this.#sink.onFrame(
        frame[3] ?? 0,
        frame[4] ?? 0,
        streamAt(frame, 0),
        frame,
        frameHeaderBytes,
        frameHeaderBytes + length,
      );
    }
    return pieceEnd;
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    if (this.#heldBytes === 0) this.#heldSince = this.#clock.now();
    const needed = this.#heldBytes + end - start;
    if (this.#held.length < needed) {
      const larger = Buffer.allocUnsafeSlow(
        needed <= 1_024 ? 1_024 : frameHeaderBytes + defaultMaxFrameBytes,
      );
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = needed;
  }
}

function lengthAt(buffer: Buffer, position: number): number {
  return ((buffer[position] ?? 0) << 16) | ((buffer[position + 1] ?? 0) << 8) | (buffer[position + 2] ?? 0);
}

function streamAt(buffer: Buffer, position: number): number {
  return buffer.readUInt32BE(position + 5) & 0x7fff_ffff;
}
