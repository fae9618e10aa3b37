/** Up to this length V8 keeps a typed array's bytes beside the object, which makes it cheap to create. */
const ownSmall = 64;
/** Up to this length a loop copies faster than the built-in does. */
const loopLimit = 32;
/** From this length on a value has memory of its own. */
const ownLarge = 4096;
/** The most that a value can keep alive beside itself. */
const windowSize = 16 * 1024;

/** The value of a field that is not there. */
export const noBytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/**
 * Copies the values of one message out of the buffer that it arrived in. Memory is dear to allocate and cheap to copy: so
 * a stretch of the message is copied at once, and its values share it. A value therefore keeps up to 16 KiB of its
 * own message alive, and never the buffer or another message.
 */
export class CopiedBytes {
  readonly #source: Buffer;
  readonly #limit: number;
  #window: ArrayBuffer = noBytes.buffer;
  #windowStart = 0;
  #windowEnd = 0;

  constructor(source: Buffer, limit: number) {
    this.#source = source;
    this.#limit = limit;
  }

  /** The bytes from `start` to `end`, copied. Values are taken in the order in which they lie. */
  take(start: number, end: number): Uint8Array {
    const length = end - start;
    if (length >= ownLarge) return this.#copy(start, end);
    if (end <= this.#windowEnd) return new Uint8Array(this.#window, start - this.#windowStart, length);
    if (length <= ownSmall) return this.#small(start, length);
    // What is left is too little to share: the one value of an answer owns exactly its bytes.
    if (this.#limit - end <= ownSmall) return this.#copy(start, end);
    return this.#shared(start, length);
  }

  #small(start: number, length: number): Uint8Array {
    if (length === 0) return noBytes;
    if (length > loopLimit) return this.#copy(start, start + length);
    const source = this.#source;
    const copy = new Uint8Array(length);
    for (let index = 0; index < length; index++) copy[index] = source[start + index] ?? 0;
    return copy;
  }

  #shared(start: number, length: number): Uint8Array {
    const end = Math.min(start + windowSize, this.#limit);
    const window = this.#copy(start, end).buffer;
    this.#window = window;
    this.#windowStart = start;
    this.#windowEnd = end;
    return new Uint8Array(window, 0, length);
  }

  #copy(start: number, end: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(end - start);
    copy.set(this.#source.subarray(start, end));
    return copy;
  }
}
