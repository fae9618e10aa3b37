import { Buffer } from "node:buffer";
import { isBytes } from "./bytes.js";

/** What `JSON.stringify` takes without loss. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * Turns a result, or a part of one, into something that `JSON.stringify` takes, for logs and reports. By one rule,
 * that of protobuf's JSON: a `bigint` becomes a decimal string, bytes become base64. Names stay as they are, absent
 * fields stay absent, and the message names that generated code adds (`$typeName`) are left out.
 *
 * @throws `TypeError` for a value that no result contains: a function, a symbol, a number that is not finite.
 */
export function toJson(result: unknown): JsonValue {
  switch (typeof result) {
    case "string":
    case "boolean":
      return result;
    case "bigint":
      return result.toString();
    case "number":
      if (Number.isFinite(result)) return result;
      break;
    case "object":
      return result === null ? null : objectToJson(result);
    default:
      break;
  }
  throw new TypeError(`result contains a ${typeof result} that JSON cannot express`);
}

function objectToJson(value: object): JsonValue {
  if (isBytes(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  if (Array.isArray(value)) return value.map(toJson);
  const entries = Object.entries(value).filter(
    ([name, field]) => field !== undefined && !name.startsWith("$"),
  );
  return Object.fromEntries(entries.map(([name, field]) => [name, toJson(field)]));
}
