import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { MessageCodec } from "@etcdkit/transport";
import { Reader } from "./reader.js";
import { Sizes } from "./sizes.js";

/** A codec that tells which messages it is for. */
export interface TypedCodec<D extends DescMessage = DescMessage> extends MessageCodec<D> {
  /** The type of the messages. */
  readonly desc: D;
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

/**
 * The codec that generated functions make. It does exactly what `toBinary(create(...))` and `fromBinary` of protobuf-es do,
 * only faster. For a value that a field cannot hold `size` throws a `TypeError` or `RangeError`, which names the field.
 */
export class GeneratedCodec<D extends DescMessage> implements TypedCodec<D> {
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
