/** @import { DescFile, DescMessage } from "@bufbuild/protobuf" */
/** @import { Schema } from "@bufbuild/protoplugin" */
/** @import { Options } from "./options.mjs" */
import { Context } from "./context.mjs";
import { printRead } from "./print-read.mjs";
import { printSize } from "./print-size.mjs";
import { printWrite } from "./print-write.mjs";

/**
 * Writes `*_codec.ts` beside the `*_pb.ts` of the same file: three functions for a message, and the codecs that they make.
 *
 * @param {Schema<Options>} schema
 * @param {DescFile} file
 * @param {readonly DescMessage[]} messages
 */
export function generateFile(schema, file, messages) {
  const f = schema.generateFile(`${file.name}_codec.ts`);
  f.preamble(file);
  const context = new Context(f, schema.options.runtime);
  for (const message of messages) {
    printSize(context, message);
    printWrite(context, message);
    printRead(context, message);
  }
  const codec = context.runtime("message-codec", "GeneratedCodec");
  const anyCodec = context.runtime("message-codec", "TypedCodec").toTypeOnly();
  f.print("/** The codecs of this file's messages. */");
  f.print("export const codecs: readonly ", anyCodec, "[] = [");
  for (const message of messages) {
    const functions = ["size", "write", "read"].map((verb) => `${verb}${message.name}`).join(", ");
    f.print("  new ", codec, "(", f.importSchema(message), ", ", functions, "),");
  }
  f.print("];");
}
