import {
  create,
  type DescMessage,
  fromBinary,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** Puts messages of one type into bytes and takes them out again. */
export interface MessageCodec<D extends DescMessage = DescMessage> {
  /** How many bytes {@link write} will write. The two are called one after the other for one message. */
  size(message: MessageInitShape<D>): number;
  /** Writes the message at `position`; there is room for {@link size} bytes. */
  write(message: MessageInitShape<D>, target: Buffer, position: number): void;
  /**
   * Reads a message. Nothing of it may refer to `source`, which is only lent.
   *
   * @throws for bytes that are no such message.
   */
  read(source: Buffer, start: number, end: number): MessageShape<D>;
}

/** Chooses the codec of a message type; `undefined` leaves it to protobuf-es. */
export type CodecChoice = (desc: DescMessage) => MessageCodec | undefined;

const reflective = new WeakMap<DescMessage, MessageCodec>();

/** The codec of a message type: the chosen one, else protobuf-es by reflection. */
export function codecOf(desc: DescMessage, choose: CodecChoice | undefined): MessageCodec {
  const chosen = choose?.(desc);
  if (chosen !== undefined) return chosen;
  let codec = reflective.get(desc);
  if (codec === undefined) {
    codec = new ReflectiveCodec(desc);
    reflective.set(desc, codec);
  }
  return codec;
}

class ReflectiveCodec implements MessageCodec {
  readonly #desc: DescMessage;
  /** What `size` made and `write` is about to use. */
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(desc: DescMessage) {
    this.#desc = desc;
  }

  size(message: MessageInitShape<DescMessage>): number {
    this.#bytes = toBinary(
      this.#desc,
      isMessage(message, this.#desc) ? message : create(this.#desc, message),
    );
    return this.#bytes.length;
  }

  write(_message: MessageInitShape<DescMessage>, target: Buffer, position: number): void {
    target.set(this.#bytes, position);
    this.#bytes = new Uint8Array(0);
  }

  read(source: Buffer, start: number, end: number): MessageShape<DescMessage> {
    // Copied first: the bytes fields of protobuf-es point into what they were read from.
    return fromBinary(this.#desc, new Uint8Array(source.subarray(start, end)));
  }
}
