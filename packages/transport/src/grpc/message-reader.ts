import { gunzipSync } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { TransportError } from "../transport-error.js";
import { giveBackRoom, takeRoom } from "./message-room.js";

/** Flag and length, before each message. */
export const prefixBytes = 5;
const nothing: Buffer = Buffer.alloc(0);

/** Takes whole messages. */
export interface MessageSink {
  /** The buffer is only lent. */
  onMessage(buffer: Buffer, start: number, end: number): void;
}

/** Whether a piece of a body is one plain message of a size that is allowed, and nothing else. */
export function isWholeMessage(buffer: Buffer, start: number, end: number, maxBytes: number): boolean {
  const length = end - start - prefixBytes;
  return (
    length >= 0 && length <= maxBytes && buffer[start] === 0 && buffer.readUInt32BE(start + 1) === length
  );
}

/**
 * Finds messages in the body of a response (gRPC over HTTP/2, "Length-Prefixed-Message"). One that lies whole in a piece
 * of the body is passed on where it is; one that is cut is collected, as it comes and never beyond its announced length.
 */
export class MessageReader {
  readonly #maxBytes: number;
  readonly #sink: MessageSink;
  readonly #prefix: Buffer = Buffer.alloc(prefixBytes);
  #prefixHave = 0;
  /** What has arrived of a message that is cut; grows as it comes. */
  #partial: Buffer = nothing;
  #have = 0;
  #length = -1;
  readonly #gzip: boolean;
  /** Whether the message that is being read is compressed. */
  #compressed = false;

  constructor(maxBytes: number, gzip: boolean, sink: MessageSink) {
    this.#maxBytes = maxBytes;
    this.#gzip = gzip;
    this.#sink = sink;
  }

  /** Whether the body may end here. */
  get between(): boolean {
    return this.#length < 0 && this.#prefixHave === 0;
  }

  /** @throws `TransportError` for a message that is too large, or compressed in a way that was not announced. */
  read(buffer: Buffer, start: number, end: number): void {
    let position = start;
    while (true) {
      if (this.#length < 0) {
        position = this.#readPrefix(buffer, position, end);
        if (this.#length < 0) return;
      }
      const missing = this.#length - this.#have;
      if (end - position < missing) {
        this.#collect(buffer, position, end);
        return;
      }
      const messageEnd = position + missing;
      if (this.#have === 0) {
        this.#deliver(buffer, position, messageEnd);
      } else {
        this.#collect(buffer, position, messageEnd);
        const whole = this.#partial;
        this.#partial = nothing;
        this.#deliver(whole, 0, this.#length);
        giveBackRoom(whole);
      }
      position = messageEnd;
      this.#length = -1;
      this.#have = 0;
      if (position === end) return;
    }
  }

  /** Copies, since the buffer belongs to the socket, into room for at most twice what has come: announcing costs nothing. */
  #collect(buffer: Buffer, start: number, end: number): void {
    const have = this.#have + end - start;
    if (have > this.#partial.length) {
      const larger = takeRoom(Math.min(this.#length, 2 * have));
      this.#partial.copy(larger, 0, 0, this.#have);
      giveBackRoom(this.#partial);
      this.#partial = larger;
    }
    buffer.copy(this.#partial, this.#have, start, end);
    this.#have = have;
  }

  #readPrefix(buffer: Buffer, start: number, end: number): number {
    if (this.#prefixHave === 0 && end - start >= prefixBytes) {
      this.#begin(buffer[start] ?? 0, buffer.readUInt32BE(start + 1));
      return start + prefixBytes;
    }
    let position = start;
    while (position < end && this.#prefixHave < prefixBytes) {
      this.#prefix[this.#prefixHave++] = buffer[position++] ?? 0;
    }
    if (this.#prefixHave === prefixBytes) {
      this.#prefixHave = 0;
      this.#begin(this.#prefix[0] ?? 0, this.#prefix.readUInt32BE(1));
    }
    return position;
  }

  #begin(flag: number, length: number): void {
    if (flag > 1) throw broken(`a message with the flag ${flag}`);
    this.#compressed = flag === 1;
    if (this.#compressed && !this.#gzip)
      throw broken("a compressed message, and no compression was announced");
    if (length > this.#maxBytes) throw tooLarge(length, this.#maxBytes);
    this.#length = length;
  }

  #deliver(buffer: Buffer, start: number, end: number): void {
    if (!this.#compressed) {
      this.#sink.onMessage(buffer, start, end);
      return;
    }
    let plain: Buffer;
    try {
      plain = gunzipSync(buffer.subarray(start, end), { maxOutputLength: this.#maxBytes });
    } catch (cause) {
      if (cause instanceof RangeError) throw tooLarge(undefined, this.#maxBytes);
      throw broken("a message that does not decompress", cause);
    }
    this.#sink.onMessage(plain, 0, plain.length);
  }
}

function broken(what: string, cause?: unknown): TransportError {
  return new TransportError("protocol", `the server sent ${what}`, Code.Internal, "unknown", cause);
}

function tooLarge(bytes: number | undefined, most: number): TransportError {
  const size = bytes === undefined ? "an answer" : `an answer of ${bytes} bytes`;
  return new TransportError(
    "limit",
    `${size}, more than maxReceiveBytes (${most})`,
    Code.ResourceExhausted,
    "unknown",
  );
}
