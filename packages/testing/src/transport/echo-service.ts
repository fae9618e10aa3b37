import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescService,
  type Message,
} from "@bufbuild/protobuf";
import type { GenMessage, GenService } from "@bufbuild/protobuf/codegenv2";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

/** What an echo server is asked. */
export type EchoRequest = Message<"etcdkit.testing.v1.EchoRequest"> & {
  /** By which the test finds the call again on the server. */
  name: string;
  payload: Uint8Array;
  /** How many messages to stream. */
  count: number;
  /** How large each of them is to be; 0: as the payload. */
  sizeBytes: number;
  /** A gRPC status to fail with; 0: none. */
  code: number;
  errorMessage: string;
  /** Never to answer, or after the messages never to end. */
  wait: boolean;
  /** To end a bidirectional call at once, although requests may follow. */
  finish: boolean;
};

/** What it answers. */
export type EchoResponse = Message<"etcdkit.testing.v1.EchoResponse"> & {
  payload: Uint8Array;
  /** The place of the message in its stream, from 0. */
  index: number;
  /** Bytes of payload received so far. */
  receivedBytes: bigint;
};

const packageName = "etcdkit.testing.v1";
const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "etcdkit/testing/v1/echo.proto",
    package: packageName,
    syntax: "proto3",
    messageType: [
      message("EchoRequest", {
        name: Type.STRING,
        payload: Type.BYTES,
        count: Type.UINT32,
        size_bytes: Type.UINT32,
        code: Type.UINT32,
        error_message: Type.STRING,
        wait: Type.BOOL,
        finish: Type.BOOL,
      }),
      message("EchoResponse", { payload: Type.BYTES, index: Type.UINT32, received_bytes: Type.UINT64 }),
    ],
    service: [
      {
        name: "Echo",
        method: [
          method("Unary", false, false),
          method("ServerStream", false, true),
          method("ClientStream", true, false),
          method("Bidi", true, true),
          // Offered by no server.
          method("Missing", false, false),
        ],
      },
    ],
  }),
  () => undefined,
);

function message(name: string, fields: Readonly<Record<string, Type>>): DescriptorProto {
  const field = Object.entries(fields).map(([fieldName, type], index) =>
    create(FieldDescriptorProtoSchema, { name: fieldName, number: index + 1, type, label: Label.OPTIONAL }),
  );
  return create(DescriptorProtoSchema, { name, field });
}

function method(name: string, clientStreaming: boolean, serverStreaming: boolean) {
  const inputType = `.${packageName}.EchoRequest`;
  const outputType = `.${packageName}.EchoResponse`;
  return { name, inputType, outputType, clientStreaming, serverStreaming };
}

function known<T extends DescMessage | DescService>(found: T | undefined): T {
  if (found === undefined) throw new Error("the descriptor of the echo service is broken");
  return found;
}

export const EchoRequestSchema: GenMessage<EchoRequest> = known(
  registry.getMessage(`${packageName}.EchoRequest`),
) as GenMessage<EchoRequest>;

export const EchoResponseSchema: GenMessage<EchoResponse> = known(
  registry.getMessage(`${packageName}.EchoResponse`),
) as GenMessage<EchoResponse>;

interface Call<K extends "unary" | "server_streaming" | "client_streaming" | "bidi_streaming"> {
  methodKind: K;
  input: typeof EchoRequestSchema;
  output: typeof EchoResponseSchema;
}

/** A service of every kind of method, to try transports on. */
export const Echo: GenService<{
  unary: Call<"unary">;
  serverStream: Call<"server_streaming">;
  clientStream: Call<"client_streaming">;
  bidi: Call<"bidi_streaming">;
  missing: Call<"unary">;
}> = known(registry.getService(`${packageName}.Echo`)) as typeof Echo;
