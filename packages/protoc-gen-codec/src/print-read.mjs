/** @import { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf" */
/** @import { Printable } from "@bufbuild/protoplugin" */
/** @import { Context } from "./context.mjs" */
import { kindOf, variableOf } from "./fields.mjs";

/**
 * Prints the function that reads a message. Fields are collected in variables and the message is made at the end, with
 * all its properties at once: that is the fastest way to make an object, and gives all of them one shape.
 *
 * @param {Context} context
 * @param {DescMessage} message
 */
export function printRead(context, message) {
  const { f } = context;
  const shape = f.importShape(message).toTypeOnly();
  const reader = context.runtime("reader", "Reader").toTypeOnly();
  const typeName = f.string(message.typeName);
  f.print("export function read", message.name, "(");
  f.print("  reader: ", reader, ",");
  f.print("  end: number,");
  f.print("  depth: number,");
  f.print("  into: ", shape, " | undefined,");
  f.print("): ", shape, " {");
  f.print("  reader.enter(", typeName, ", depth);");
  for (const member of message.members) {
    f.print(
      "  let ",
      variableOf(member),
      ": ",
      typeOf(context, member),
      " = ",
      initial(context, member),
      ";",
    );
  }
  f.print("  let unknown: ", context.unknownField, "[] | undefined;");
  f.print("  if (into !== undefined) {");
  for (const member of message.members)
    f.print("    ", variableOf(member), " = into.", member.localName, ";");
  f.print("    unknown = into.$unknown;");
  f.print("  }");
  f.print("  let { position } = reader;");
  f.print("  while (position < end) {");
  f.print("    const tag = reader.tag(position);");
  f.print("    position = reader.position;");
  f.print("    switch (tag >>> 3) {");
  for (const field of message.fields) {
    f.print("      case ", field.number, ":");
    printField(context, field);
    f.print("        break;");
  }
  f.print("      default:");
  f.print("        unknown ??= [];");
  f.print("        unknown.push(reader.unknown(position, tag, depth));");
  f.print("    }");
  f.print("    position = reader.position;");
  f.print("  }");
  printResult(context, message);
  f.print("}");
  f.print();
}

/**
 * @param {Context} context
 * @param {DescField | DescOneof} member
 * @returns {Printable}
 */
function typeOf({ f }, member) {
  const property = [f.importShape(member.parent).toTypeOnly(), "[", f.string(member.localName), "]"];
  return isOptional(member) ? [property, " | undefined"] : property;
}

/** @param {DescField | DescOneof} member */
function isOptional(member) {
  return member.kind === "oneof" || member.fieldKind === "message";
}

/**
 * @param {Context} context
 * @param {DescField | DescOneof} member
 * @returns {Printable}
 */
function initial(context, member) {
  if (isOptional(member)) return "undefined";
  if (member.kind === "field" && member.fieldKind === "list")
    return `into === undefined ? [] : into.${member.localName}`;
  switch (member.kind === "field" ? kindOf(member) : undefined) {
    case "bytes":
      return context.runtime("copied-bytes", "noBytes");
    case "string":
      return '""';
    case "bool":
      return "false";
    case "enum":
      return "0";
    default:
      return "0n";
  }
}

/**
 * @param {Context} context
 * @param {DescField} field
 */
function printField(context, field) {
  const { f } = context;
  const kind = kindOf(field);
  const { message } = field;
  const variable = variableOf(field.oneof ?? field);
  /** @param {Printable} into */
  const value = (into) =>
    message === undefined
      ? `reader.${kind}(position)`
      : [context.generated("read", message), "(reader, reader.end(position), depth + 1, ", into, ")"];
  if (field.oneof !== undefined) {
    const name = f.string(field.localName);
    const before = [variable, "?.case === ", name, " ? ", variable, ".value : undefined"];
    f.print("        ", variable, " = { case: ", name, ", value: ", value(before), " };");
  } else if (field.fieldKind !== "list") {
    f.print("        ", variable, " = ", value(variable), ";");
  } else if (kind === "message") {
    f.print("        ", variable, ".push(", value("undefined"), ");");
  } else {
    f.print("        reader.enums(position, tag, ", variable, ");");
  }
}

/**
 * A property for a message that is not there would be one too many; so there are two shapes where there is one such
 * field, and further ones are added.
 *
 * @param {Context} context
 * @param {DescMessage} message
 */
function printResult({ f }, message) {
  const always = message.members.filter(
    (member) => member.kind === "oneof" || member.fieldKind !== "message",
  );
  const [first, ...rest] = message.members.filter((member) => !always.includes(member));
  const properties = [
    `$typeName: ${JSON.stringify(message.typeName)}`,
    ...always.map((member) => property(member, member.kind === "oneof" ? " ?? { case: undefined }" : "")),
  ];
  const shape = f.importShape(message).toTypeOnly();
  const without = `{ ${properties.join(", ")} }`;
  if (first === undefined) {
    f.print("  const message: ", shape, " = ", without, ";");
  } else {
    const present = `{ ${[...properties, property(first, "")].join(", ")} }`;
    f.print("  const message: ", shape, " =");
    f.print("    ", variableOf(first), " === undefined");
    f.print("      ? ", without);
    f.print("      : ", present, ";");
  }
  for (const member of rest) {
    f.print(
      "  if (",
      variableOf(member),
      " !== undefined) message.",
      member.localName,
      " = ",
      variableOf(member),
      ";",
    );
  }
  f.print("  if (unknown !== undefined) message.$unknown = unknown;");
  f.print("  return message;");
}

/**
 * @param {DescField | DescOneof} member
 * @param {string} otherwise
 */
function property(member, otherwise) {
  const variable = variableOf(member);
  return variable === member.localName && otherwise === ""
    ? variable
    : `${member.localName}: ${variable}${otherwise}`;
}
