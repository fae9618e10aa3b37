import { clientPreface, frameHeaderBytes, type WireFrame } from "./frame.js";

/** What a {@link FrameSplitter} found: a frame, or bytes that are none: the client's preface. */
export type WirePiece =
  | { readonly kind: "frame"; readonly frame: WireFrame }
  | { readonly kind: "other"; readonly bytes: Buffer };

/** Finds whole frames in a stream of bytes that is cut anywhere. */
export class FrameSplitter {
  #held: Buffer = Buffer.alloc(0);
  #prefaceLeft: number;

  /** @param fromClient - Whether the stream begins with the client's preface. */
  constructor(fromClient: boolean) {
    this.#prefaceLeft = fromClient ? clientPreface.length : 0;
  }

  /** Takes bytes and gives what they complete. Pieces own their bytes. */
  split(chunk: Uint8Array): readonly WirePiece[] {
    this.#held = Buffer.concat([this.#held, chunk]);
    const pieces: WirePiece[] = [];
    while (this.#held.length > 0) {
      const piece = this.#prefaceLeft > 0 ? this.#preface() : this.#frame();
      if (piece === undefined) break;
      pieces.push(piece);
    }
    return pieces;
  }

  /** The beginning of a frame that never came to its end. */
  rest(): Buffer {
    return this.#take(this.#held.length);
  }

  #preface(): WirePiece {
    const bytes = this.#take(Math.min(this.#prefaceLeft, this.#held.length));
    this.#prefaceLeft -= bytes.length;
    return { kind: "other", bytes };
  }

  #frame(): WirePiece | undefined {
    if (this.#held.length < frameHeaderBytes) return undefined;
    const length = frameHeaderBytes + this.#held.readUIntBE(0, 3);
    if (this.#held.length < length) return undefined;
    const bytes = this.#take(length);
    const streamId = bytes.readUInt32BE(5) & 0x7fff_ffff;
    return {
      kind: "frame",
      frame: { type: bytes.readUInt8(3), flags: bytes.readUInt8(4), streamId, bytes },
    };
  }

  #take(length: number): Buffer {
    const bytes = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return bytes;
  }
}
