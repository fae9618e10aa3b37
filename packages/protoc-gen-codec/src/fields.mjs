/** @import { DescField, DescMessage, DescOneof } from "@bufbuild/protobuf" */
import { ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { safeIdentifier } from "@bufbuild/protoplugin";

/** @typedef {"bytes" | "string" | "int64" | "uint64" | "bool" | "enum" | "message"} Kind */

/** @type {ReadonlyMap<ScalarType, Kind>} */
const kinds = new Map([
  [ScalarType.BYTES, "bytes"],
  [ScalarType.STRING, "string"],
  [ScalarType.INT64, "int64"],
  [ScalarType.UINT64, "uint64"],
  [ScalarType.BOOL, "bool"],
]);

/**
 * What a field holds, or what an item of it does. etcd's busy messages hold nothing else; a codec for other fields is
 * not generated wrongly but refused.
 *
 * @param {DescField} field
 * @returns {Kind}
 */
export function kindOf(field) {
  /** @type {Kind | undefined} */
  let kind;
  if (field.message !== undefined)
    kind = field.message.typeName.startsWith("google.") ? undefined : "message";
  else if (field.enum !== undefined)
    kind = field.enum.open && field.enum.values[0]?.number === 0 ? "enum" : undefined;
  else if (field.scalar !== undefined) kind = kinds.get(field.scalar);

  const group = field.fieldKind !== "enum" && "delimitedEncoding" in field && field.delimitedEncoding;
  const list = field.fieldKind === "list" && kind !== "message" && !(kind === "enum" && field.packed);
  const text = kind === "string" && !field.utf8Validation;
  const explicit =
    kind !== "message" && field.oneof === undefined && field.presence !== FeatureSet_FieldPresence.IMPLICIT;
  if (kind === undefined || field.fieldKind === "map" || group || list || text || explicit) {
    throw new Error(`${field}: codecs for such fields are not generated`);
  }
  return kind;
}

/**
 * Bytes of a field's tag, and the number that they encode.
 *
 * @param {DescField} field
 */
export function tagOf(field) {
  const kind = kindOf(field);
  const isVarint = kind !== "bytes" && kind !== "string" && kind !== "message" && field.fieldKind !== "list";
  const tag = field.number * 8 + (isVarint ? 0 : 2);
  return { tag, size: Math.ceil(tag.toString(2).length / 7) };
}

/**
 * Fields in the order in which they are written, those of one oneof together where they follow each other.
 *
 * @param {DescMessage} message
 * @returns {(DescField | { readonly oneof: DescOneof, readonly fields: DescField[] })[]}
 */
export function inOrderOfNumbers(message) {
  /** @type {ReturnType<typeof inOrderOfNumbers>} */
  const order = [];
  for (const field of message.fields.toSorted((a, b) => a.number - b.number)) {
    const last = order.at(-1);
    if (field.oneof === undefined) order.push(field);
    else if (last !== undefined && "fields" in last && last.oneof === field.oneof) last.fields.push(field);
    else order.push({ oneof: field.oneof, fields: [field] });
  }
  return order;
}

// What the printed functions call their own.
const taken = new Set([
  "message",
  "sizes",
  "size",
  "target",
  "position",
  "reader",
  "end",
  "depth",
  "into",
  "tag",
  "unknown",
]);

/**
 * The variable that holds a field.
 *
 * @param {DescField | DescOneof} member
 */
export function variableOf({ localName }) {
  return taken.has(localName) ? `${localName}Field` : safeIdentifier(localName);
}

/**
 * When a field without a presence of its own is written. Loose where the reference is: `null` counts as not there.
 *
 * @param {DescField} field
 * @param {string} value
 */
export function isSet(field, value) {
  const kind = kindOf(field);
  if (field.fieldKind === "list")
    return kind === "message" ? `${value} != null` : `${value} != null && ${value}.length !== 0`;
  switch (kind) {
    case "message":
      return `${value} != null`;
    case "bytes":
      return `${value} != null && ${value}.length !== 0`;
    case "string":
      return `${value} != null && ${value} !== ""`;
    case "bool":
      return value;
    case "enum":
      return `${value} != null && ${value} !== 0`;
    case "int64":
    case "uint64":
      return `${value} != null && ${value} != 0n`;
  }
}
