import {
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";

/** How grpc-js reads and writes messages of protobuf-es. */
export interface GrpcJsCodec<I extends DescMessage, O extends DescMessage> {
  serialize(message: MessageShape<I>): Buffer;
  deserialize(bytes: Buffer): MessageShape<O>;
}

/** For the messages of one method. */
export function grpcJsCodec<I extends DescMessage, O extends DescMessage>({
  input,
  output,
}: DescMethod & { readonly input: I; readonly output: O }): GrpcJsCodec<I, O> {
  return {
    serialize(message) {
      const bytes = toBinary(input, message);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    },
    deserialize: (bytes) => fromBinary(output, bytes),
  };
}
