/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Context } from "./context.mjs" */
import { kindOf, tagOf } from "./fields.mjs";
import { notesSizes, printFields } from "./print-fields.mjs";

/**
 * Prints the function that writes a message.
 *
 * @param {Context} context
 * @param {DescMessage} message
 */
export function printWrite(context, message) {
  const { f } = context;
  const sizes = context.runtime("sizes", "Sizes").toTypeOnly();
  f.print("export function write", message.name, "(");
  f.print("  message: ", ...context.initShape(message), ",");
  f.print("  target: Buffer,");
  f.print("  start: number,");
  f.print("  ", notesSizes(message) ? "sizes" : "_sizes", ": ", sizes, ",");
  f.print("): number {");
  f.print("  let position = start;");
  printFields(context, message, printValue);
  const unknown = context.runtime("writer", "writeUnknown");
  f.print(
    "  if (message.$typeName === ",
    f.string(message.typeName),
    " && message.$unknown !== undefined) {",
  );
  f.print("    position = ", unknown, "(target, position, message.$unknown);");
  f.print("  }");
  f.print("  return position;");
  f.print("}");
  f.print();
}

/**
 * @param {Context} context
 * @param {DescField} field
 * @param {string} value
 * @param {string} indent
 */
function printValue(context, field, value, indent) {
  const { f } = context;
  const { tag, size } = tagOf(field);
  for (let byte = 0; byte < size; byte++) {
    const more = byte < size - 1 ? 0x80 : 0;
    f.print(indent, "target[position++] = ", hex(((tag >>> (byte * 7)) & 0x7f) | more), ";");
  }
  const position = [indent, "position = "];
  switch (kindOf(field)) {
    case "message": {
      if (field.message === undefined) break;
      const length = context.runtime("writer", "writeUint32");
      f.print(position, length, "(target, position, sizes.next());");
      f.print(position, context.generated("write", field.message), "(", value, ", target, position, sizes);");
      break;
    }
    case "string":
      f.print(
        position,
        context.runtime("writer", "writeString"),
        "(target, position, ",
        value,
        ", sizes.next());",
      );
      break;
    case "bytes":
      f.print(position, context.runtime("writer", "writeBytes"), "(target, position, ", value, ");");
      break;
    case "int64":
    case "uint64":
      f.print(position, context.runtime("int64", "writeVarint64"), "(target, position, ", value, ");");
      break;
    case "enum": {
      const write = field.fieldKind === "list" ? "writeEnums" : "writeEnum";
      f.print(position, context.runtime("writer", write), "(target, position, ", value, ");");
      break;
    }
    case "bool":
      // In a oneof it can be there and false.
      f.print(indent, "target[position++] = ", field.oneof === undefined ? "1" : `${value} ? 1 : 0`, ";");
      break;
  }
}

/** @param {number} byte */
function hex(byte) {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
