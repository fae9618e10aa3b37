import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Reader } from "./reader.js";
import { Sizes } from "./sizes.js";

/**
 * Puts messages of one type into bytes and takes them out again, exactly as `toBinary(create(...))` and `fromBinary` of
 * protobuf-es do, only faster.
 */
export interface MessageCodec<D extends DescMessage = DescMessage> {
  /** The type of the messages. */
  readonly desc: D;
  /**
   * How many bytes {@link write} will write. The two are called one after the other for one message, which nobody
   * changes in between.
   *
   * @throws `TypeError` or `RangeError`, which names the field, for a value that the field cannot hold.
   */
  size(message: MessageInitShape<D>): number;
  /** Writes the message at `position`; there is room for {@link size} bytes. */
  write(message: MessageInitShape<D>, target: Buffer, position: number): void;
  /**
   * Reads the message from `start` up to `end`, in bytes. Nothing of it refers to `source`, which is only lent.
   *
   * @throws for bytes that are no such message.
   */
  read(source: Buffer, start: number, end: number): MessageShape<D>;
}

/** Adds up the bytes of a message and notes the sizes of the messages in it. */
export type Size<D extends DescMessage> = (message: MessageInitShape<D>, sizes: Sizes) => number;

/** Writes a message whose sizes were noted, and returns where it ends. */
export type Write<D extends DescMessage> = (
  message: MessageInitShape<D>,
  target: Buffer,
  position: number,
  sizes: Sizes,
) => number;

/** Reads a message up to `end`; `depth` is 1 for the outermost. Into `into` it merges. */
export type Read<D extends DescMessage> = (
  reader: Reader,
  end: number,
  depth: number,
  into: MessageShape<D> | undefined,
) => MessageShape<D>;

// One for all: encoding is synchronous, and a size is used up before the next message is measured.
const sizes = new Sizes();

/** The codec that generated functions make. */
export class GeneratedCodec<D extends DescMessage> implements MessageCodec<D> {
  readonly desc: D;
  readonly #size: Size<D>;
  readonly #write: Write<D>;
  readonly #read: Read<D>;

  constructor(desc: D, size: Size<D>, write: Write<D>, read: Read<D>) {
    this.desc = desc;
    this.#size = size;
    this.#write = write;
    this.#read = read;
  }

  size(message: MessageInitShape<D>): number {
    sizes.clear();
    sizes.total = this.#size(message, sizes);
    return sizes.total;
  }

  write(message: MessageInitShape<D>, target: Buffer, position: number): void {
    const end = this.#write(message, target, position, sizes);
    // Lengths that do not fit would not fail here but at the server, as another request than was meant.
    if (end - position !== sizes.total) throw new TypeError("message: changed while it was encoded");
  }

  read(source: Buffer, start: number, end: number): MessageShape<D> {
    return this.#read(new Reader(source, start, end), end, 1, undefined);
  }
}
