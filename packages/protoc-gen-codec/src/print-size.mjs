/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Printable } from "@bufbuild/protoplugin" */
/** @import { Context } from "./context.mjs" */
import { kindOf, tagOf } from "./fields.mjs";
import { notesSizes, printFields } from "./print-fields.mjs";

/**
 * Prints the function that adds up a message's bytes. It meets inner messages in the order in which they are written.
 *
 * @param {Context} context
 * @param {DescMessage} message
 */
export function printSize(context, message) {
  const { f } = context;
  const sizes = context.runtime("sizes", "Sizes").toTypeOnly();
  const sizesName = notesSizes(message) ? "sizes" : "_sizes";
  const parameters = ["message: ", ...context.initShape(message), ", ", sizesName, ": ", sizes];
  f.print("export function size", message.name, "(", parameters, "): number {");
  f.print("  let size = 0;");
  printFields(context, message, printValue);
  const unknown = context.runtime("sizes", "sizeOfUnknown");
  f.print(
    "  if (message.$typeName === ",
    f.string(message.typeName),
    " && message.$unknown !== undefined) {",
  );
  f.print("    size += ", unknown, "(message.$unknown);");
  f.print("  }");
  f.print("  return size;");
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
  const { size } = tagOf(field);
  /** @param {Printable} measured */
  const noted = (measured) =>
    f.print(indent, "size += ", size, " + sizes.close(sizes.open(), ", measured, ");");
  const named = [value, ", ", f.string(nameOf(field))];
  switch (kindOf(field)) {
    case "message":
      if (field.message !== undefined)
        noted([context.generated("size", field.message), "(", value, ", sizes)"]);
      break;
    case "string":
      noted([context.runtime("sizes", "sizeOfString"), "(", named, ")"]);
      break;
    case "bytes":
      f.print(indent, "size += ", size, " + ", context.runtime("sizes", "sizeOfBytes"), "(", named, ");");
      break;
    case "int64":
      f.print(indent, "size += ", size, " + ", context.runtime("int64", "sizeOfInt64"), "(", named, ");");
      break;
    case "uint64":
      f.print(indent, "size += ", size, " + ", context.runtime("int64", "sizeOfUint64"), "(", named, ");");
      break;
    case "enum":
      if (field.fieldKind === "list") {
        const length = context.runtime("sizes", "sizeOfUint32");
        const packed = `${value}Size`;
        f.print(indent, "const ", packed, " = ", context.runtime("sizes", "sizeOfEnums"), "(", named, ");");
        f.print(indent, "size += ", size, " + ", length, "(", packed, ") + ", packed, ";");
      } else {
        f.print(indent, "size += ", size, " + ", context.runtime("sizes", "sizeOfEnum"), "(", named, ");");
      }
      break;
    case "bool":
      f.print(indent, "size += ", size + 1, ";");
      break;
  }
}

/** @param {DescField} field */
function nameOf(field) {
  return `${field.parent.name}.${field.localName}`;
}
