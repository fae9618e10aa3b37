/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Context } from "./context.mjs" */
import { inOrderOfNumbers, isSet, kindOf, tagOf, variableOf } from "./fields.mjs";

/**
 * Prints the function that writes a message.
 *
 * @param {Context} context
 * @param {DescMessage} message
 */
export function printWrite(context, message) {
  const { f } = context;
  const sizes = context.runtime("sizes", "Sizes").toTypeOnly();
  const usesSizes = message.fields.some((field) => ["message", "string"].includes(kindOf(field)));
  f.print("export function write", message.name, "(");
  f.print("  message: ", ...context.initShape(message), ",");
  f.print("  target: Buffer,");
  f.print("  start: number,");
  f.print("  ", usesSizes ? "sizes" : "_sizes", ": ", sizes, ",");
  f.print("): number {");
  f.print("  let position = start;");
  for (const entry of inOrderOfNumbers(message)) {
    if ("fields" in entry) {
      const variable = variableOf(entry.oneof);
      f.print("  const ", variable, " = message.", entry.oneof.localName, ";");
      f.print("  if (", variable, " != null) {");
      f.print("    switch (", variable, ".case) {");
      for (const field of entry.fields) {
        f.print("      case ", f.string(field.localName), ":");
        printValue(context, field, `${variable}.value`, "        ");
        f.print("        break;");
      }
      f.print("    }");
      f.print("  }");
    } else {
      const variable = variableOf(entry);
      const isList = entry.fieldKind === "list" && kindOf(entry) === "message";
      f.print("  const ", variable, " = message.", entry.localName, ";");
      f.print("  if (", isSet(entry, variable), ") {");
      if (isList) f.print("    for (const item of ", variable, ") {");
      printValue(context, entry, isList ? "item" : variable, isList ? "      " : "    ");
      if (isList) f.print("    }");
      f.print("  }");
    }
  }
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
