import { ConnectionViolation, ErrorCode, Flag } from "./frame.js";

/**
 * Takes the padding off DATA frames that come in pieces (RFC 9113, 6.1): a byte with its length first, the padding last.
 */
export class PaddedData {
  /** Bytes of content that are still to come in this frame; -1 until the length of the padding is known. */
  #content = 0;
  start = 0;
  end = 0;

  /** Finds the content of the next piece and puts its place into {@link start} and {@link end}. */
  piece(
    flags: number,
    length: number,
    frameStart: boolean,
    buffer: Buffer,
    start: number,
    end: number,
  ): void {
    let from = start;
    if (frameStart) this.#content = (flags & Flag.padded) === 0 ? length : -1;
    if (this.#content < 0) {
      if (length === 0)
        throw new ConnectionViolation(ErrorCode.frameSizeError, "padded DATA without padding");
      this.start = start;
      this.end = start;
      if (from === end) return;
      const padding = buffer[from++] ?? 0;
      if (padding >= length)
        throw new ConnectionViolation(ErrorCode.protocolError, "DATA that is all padding");
      this.#content = length - 1 - padding;
    }
    this.start = from;
    this.end = Math.min(end, from + this.#content);
    this.#content -= this.end - from;
  }
}
