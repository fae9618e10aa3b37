import type { Clock } from "../clock.js";
import { ConnectionViolation, ErrorCode, Flag } from "./frame.js";

/** The largest header list that is taken, and announced; header blocks of etcd have some hundred bytes. */
export const maxHeaderListBytes: number = 64 * 1024;
const maxHeaderFrames = 16;

/** Takes whole header blocks; the buffer is only lent. */
export interface HeaderBlockSink {
  onHeaderBlock(streamId: number, endStream: boolean, buffer: Buffer, start: number, end: number): void;
}

/** Joins a HEADERS frame and the CONTINUATION frames behind it into a header block (RFC 9113, 6.2 and 6.10). */
export class HeaderBlocks {
  readonly #sink: HeaderBlockSink;
  readonly #clock: Clock;
  #begun:
    | {
        readonly streamId: number;
        readonly endStream: boolean;
        readonly since: number;
        readonly parts: Buffer[];
        bytes: number;
      }
    | undefined;

  constructor(sink: HeaderBlockSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Whether a block has begun: nothing but the rest of it may follow. */
  get begun(): boolean {
    return this.#begun !== undefined;
  }

  /** When the first frame of a block arrived whose last one has not. */
  get since(): number | undefined {
    return this.#begun?.since;
  }

  onHeaders(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) {
      to -= buffer[from++] ?? 0;
    }
    if ((flags & Flag.priority) !== 0) from += 5;
    if (from > to || streamId === 0)
      throw new ConnectionViolation(ErrorCode.protocolError, "HEADERS out of shape");
    const endStream = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) {
      this.#sink.onHeaderBlock(streamId, endStream, buffer, from, to);
      return;
    }
    this.#begun = {
      streamId,
      endStream,
      since: this.#clock.now(),
      parts: [Buffer.from(buffer.subarray(from, to))],
      bytes: to - from,
    };
  }

  onContinuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    const begun = this.#begun;
    if (begun === undefined || begun.streamId !== streamId) {
      throw new ConnectionViolation(ErrorCode.protocolError, "CONTINUATION without a beginning");
    }
    begun.parts.push(Buffer.from(buffer.subarray(start, end)));
    begun.bytes += end - start;
    if (begun.bytes > maxHeaderListBytes || begun.parts.length > maxHeaderFrames) {
      throw new ConnectionViolation(ErrorCode.enhanceYourCalm, "a header block without end");
    }
    if ((flags & Flag.endHeaders) === 0) return;
    this.#begun = undefined;
    const block = Buffer.concat(begun.parts);
    this.#sink.onHeaderBlock(streamId, begun.endStream, block, 0, block.length);
  }
}
