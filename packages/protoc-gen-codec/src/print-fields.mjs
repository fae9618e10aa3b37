/** @import { DescField, DescMessage } from "@bufbuild/protobuf" */
/** @import { Context } from "./context.mjs" */
import { inOrderOfNumbers, isSet, kindOf, variableOf } from "./fields.mjs";

/**
 * Prints the code for the fields that are set, in the order in which they are written: `printValue` says what is done
 * with a value, or with each message of a list.
 *
 * @param {Context} context
 * @param {DescMessage} message
 * @param {(context: Context, field: DescField, value: string, indent: string) => void} printValue
 */
export function printFields(context, message, printValue) {
  const { f } = context;
  for (const entry of inOrderOfNumbers(message)) {
    const member = "fields" in entry ? entry.oneof : entry;
    const variable = variableOf(member);
    f.print("  const ", variable, " = message.", member.localName, ";");
    if ("fields" in entry) {
      f.print("  if (", variable, " != null) {");
      f.print("    switch (", variable, ".case) {");
      for (const field of entry.fields) {
        f.print("      case ", f.string(field.localName), ":");
        printValue(context, field, `${variable}.value`, "        ");
        f.print("        break;");
      }
      f.print("    }");
    } else {
      f.print("  if (", isSet(entry, variable), ") {");
      if (entry.fieldKind === "list" && kindOf(entry) === "message") {
        f.print("    for (const item of ", variable, ") {");
        printValue(context, entry, "item", "      ");
        f.print("    }");
      } else {
        printValue(context, entry, variable, "    ");
      }
    }
    f.print("  }");
  }
}

/**
 * Whether the sizes of a message's fields are noted on the first pass.
 *
 * @param {DescMessage} message
 */
export function notesSizes(message) {
  return message.fields.some((field) => ["message", "string"].includes(kindOf(field)));
}
