import {
  create,
  createFileRegistry,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
} from "@bufbuild/protobuf";
import {
  type BytesValueSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";

type Bytes = typeof BytesValueSchema;

const bytes = ".google.protobuf.BytesValue";
const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: "echo.proto",
    package: "echo",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [
      {
        name: "Echo",
        method: [
          { name: "Once", inputType: bytes, outputType: bytes },
          { name: "Down", inputType: bytes, outputType: bytes, serverStreaming: true },
          { name: "Both", inputType: bytes, outputType: bytes, clientStreaming: true, serverStreaming: true },
        ],
      },
    ],
  }),
  () => file_google_protobuf_wrappers,
);

function method(name: string): DescMethod {
  const found = registry.getService("echo.Echo")?.methods.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

/** One answer for one request. */
export const once = method("Once") as DescMethodUnary<Bytes, Bytes>;
/** Many answers for one request. */
export const down = method("Down") as DescMethodStreaming<Bytes, Bytes>;
/** Many of each. */
export const both = method("Both") as DescMethodStreaming<Bytes, Bytes>;

/** What a `BytesValue` is on the wire. */
export function encoded(text: string | Uint8Array): Buffer {
  const content = Buffer.from(text as string);
  if (content.length === 0) return content;
  const length: number[] = [];
  let rest = content.length;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.of(0x0a), Buffer.from([...length, rest]), content]);
}
