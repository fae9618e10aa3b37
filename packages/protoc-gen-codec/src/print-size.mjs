/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Printable } from "@bufbuild/protoplugin" */
/** @import { Context } from "./context.mjs" */
import { inOrderOfNumbers, isSet, kindOf, tagOf, variableOf } from "./fields.mjs";

/**
 * Prints the function that adds up a message's bytes. It meets inner messages in the order in which they are written.
 *
 * @param {Context} context
 * @param {DescMessage} message
 */
export function printSize(context, message) {
  const { f } = context;
  const sizes = context.runtime("sizes", "Sizes").toTypeOnly();
  const notes = message.fields.some((field) => notesSize(field));
  const parameters = ["message: ", ...context.initShape(message), notes ? ", sizes: " : ", _sizes: ", sizes];
  f.print("export function size", message.name, "(", parameters, "): number {");
  f.print("  let size = 0;");
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
      f.print("  const ", variable, " = message.", entry.localName, ";");
      f.print("  if (", isSet(entry, variable), ") {");
      printField(context, entry, variable);
      f.print("  }");
    }
  }
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
 */
function printField(context, field, value) {
  const { f } = context;
  if (field.fieldKind !== "list") {
    printValue(context, field, value, "    ");
  } else if (kindOf(field) === "message") {
    f.print("    for (const item of ", value, ") {");
    printValue(context, field, "item", "      ");
    f.print("    }");
  } else {
    const enums = context.runtime("sizes", "sizeOfEnums");
    const length = context.runtime("sizes", "sizeOfUint32");
    f.print("    const ", value, "Size = ", enums, "(", value, ", ", f.string(nameOf(field)), ");");
    f.print("    size += ", tagOf(field).size, " + ", length, "(", value, "Size) + ", value, "Size;");
  }
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
      f.print(indent, "size += ", size, " + ", context.runtime("sizes", "sizeOfEnum"), "(", named, ");");
      break;
    case "bool":
      f.print(indent, "size += ", size + 1, ";");
      break;
  }
}

/** @param {DescField} field */
function notesSize(field) {
  const kind = kindOf(field);
  return kind === "message" || kind === "string";
}

/** @param {DescField} field */
function nameOf(field) {
  return `${field.parent.name}.${field.localName}`;
}
