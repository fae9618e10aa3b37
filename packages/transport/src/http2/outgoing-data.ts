import type { Clock } from "../clock.js";
import {
  ConnectionViolation,
  defaultMaxFrameBytes,
  ErrorCode,
  Flag,
  FrameType,
  frameHeaderBytes,
} from "./frame.js";
import { writeFrameHeader } from "./frame-writer.js";
import type { Output } from "./output.js";
import { defaultWindowBytes, maxWindowBytes, type Stream } from "./stream.js";

// So long may a server give no leave to send anything before a call that fails of it counts against the connection.
const stallMs = 2_000;

/** The DATA frames of requests, as flow control lets them out (RFC 9113, 5.2). */
export class OutgoingData {
  readonly #output: Output;
  readonly #clock: Clock;
  /** Streams with data that flow control holds back, in the order in which they began to wait. */
  readonly #blocked = new Set<Stream>();
  /** Bytes of DATA that the server will take on the whole connection. */
  #window = defaultWindowBytes;
  /** Since when data wait because the connection's window is used up. */
  #stalledAt: number | undefined;

  constructor(output: Output, clock: Clock) {
    this.#output = output;
    this.#clock = clock;
  }

  /**
   * Tells whether `bytes` of DATA can be written in one frame at once. If so write them with {@link reserve} and
   * {@link commit}; else with {@link send}.
   */
  fits(stream: Stream, bytes: number): boolean {
    return (
      bytes <= defaultMaxFrameBytes &&
      bytes <= this.#window &&
      bytes <= stream.sendWindow &&
      stream.held.length === 0
    );
  }

  /** The buffer for one DATA frame with `bytes` of payload; the payload starts at the returned position. */
  reserve(bytes: number): { readonly buffer: Buffer; readonly position: number } {
    const { frames } = this.#output;
    const buffer = frames.reserve(bytes + frameHeaderBytes);
    return { buffer, position: frames.position + frameHeaderBytes };
  }

  /** Completes the DATA frame whose payload was put where {@link reserve} said. */
  commit(stream: Stream, bytes: number, end: boolean): void {
    const { frames } = this.#output;
    const buffer = frames.reserve(bytes + frameHeaderBytes);
    const flags = end ? Flag.endStream : 0;
    writeFrameHeader(buffer, frames.position, bytes, FrameType.data, flags, stream.id);
    frames.advance(bytes + frameHeaderBytes);
    this.#window -= bytes;
    stream.sendWindow -= bytes;
    this.#complete(stream, end);
    this.#output.schedule();
  }

  /** Sends DATA as flow control permits. `onSent` is called when all of it has been written. */
  send(stream: Stream, bytes: Uint8Array, end: boolean, onSent?: () => void): void {
    if (bytes.length === 0 && stream.held.length === 0) {
      // Flow control does not hold back what is empty (RFC 9113, 6.9.1), be a window used up or less than nothing.
      const { frames } = this.#output;
      frames.frameHeader(0, FrameType.data, end ? Flag.endStream : 0, stream.id);
      this.#output.schedule();
      this.#complete(stream, end);
      onSent?.();
      return;
    }
    stream.held.push({ bytes, position: 0, end, onSent });
    this.#blocked.add(stream);
    this.resume();
  }

  /** Sends what is held and may go now. */
  resume(): void {
    if (this.#blocked.size === 0) return;
    for (const stream of this.#blocked) {
      if (this.#window <= 0 || this.#output.backlogged) break;
      if (this.#sendFrom(stream)) this.#blocked.delete(stream);
    }
    if (this.#blocked.size > 0 && this.#window <= 0) this.#stalledAt ??= this.#clock.now();
  }

  /**
   * The server takes more on the whole connection.
   *
   * @throws {@link ConnectionViolation} for more than there can be.
   */
  enlargeWindow(bytes: number): void {
    this.#window += bytes;
    if (this.#window > maxWindowBytes) throw overflow();
    this.#stalledAt = undefined;
  }

  /**
   * A new initial window changes that of every stream by as much (RFC 9113, 6.9.2).
   *
   * @throws {@link ConnectionViolation} for more than there can be.
   */
  resizeWindows(streams: readonly Stream[], change: number): void {
    for (const stream of streams) {
      stream.sendWindow += change;
      if (stream.sendWindow > maxWindowBytes) throw overflow();
    }
    this.resume();
  }

  /** Whether a stream waits on a connection that has taken nothing for long. */
  isStuck(stream: Stream): boolean {
    if (stream.held.length === 0 || this.#stalledAt === undefined) return false;
    return this.#clock.now() - this.#stalledAt >= stallMs;
  }

  /** What is held for a stream will not be sent. */
  forget(stream: Stream): void {
    if (stream.held.length > 0) this.#blocked.delete(stream);
  }

  clear(): void {
    this.#blocked.clear();
  }

  /** Writes what a stream may send; `true` when nothing is held any more. */
  #sendFrom(stream: Stream): boolean {
    const { frames } = this.#output;
    while (true) {
      const part = stream.held[0];
      if (part === undefined) return true;
      const left = part.bytes.length - part.position;
      const bytes = Math.max(0, Math.min(left, stream.sendWindow, this.#window, defaultMaxFrameBytes));
      if ((bytes === 0 && left > 0) || this.#output.backlogged) return false;
      const last = bytes === left;
      const end = last && part.end;
      frames.frameHeader(bytes, FrameType.data, end ? Flag.endStream : 0, stream.id);
      frames.bytes(part.bytes, part.position, part.position + bytes);
      part.position += bytes;
      this.#window -= bytes;
      stream.sendWindow -= bytes;
      this.#output.schedule();
      if (!last) continue;
      stream.held.shift();
      this.#complete(stream, end);
      part.onSent?.();
    }
  }

  /** A message of the request has been written, the last one when `end`. */
  #complete(stream: Stream, end: boolean): void {
    stream.completeAt = Math.min(stream.completeAt, this.#output.frames.written);
    if (end) stream.localClosed = true;
  }
}

function overflow(): ConnectionViolation {
  return new ConnectionViolation(ErrorCode.flowControlError, "a window that overflows");
}
