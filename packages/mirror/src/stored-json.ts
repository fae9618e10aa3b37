import { Buffer } from "node:buffer";
import { isBytes } from "@etcdkit/core/spi";

// What a mirror keeps for later: JSON with revisions as text and bytes in Base64.

/** Parses JSON without quoting it in errors: it may hold keys. */
export function parseJson(bytes: Uint8Array, name: string): unknown {
  if (!isBytes(bytes)) throw new TypeError(`${name} must be a Uint8Array`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw unreadable(name);
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function revisionFrom(value: unknown, name: string): bigint {
  if (typeof value !== "string" || !/^\d{1,19}$/.test(value)) throw unreadable(name);
  return BigInt(value);
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

export function unreadable(name: string): TypeError {
  return new TypeError(`${name} is not one that a mirror has made`);
}
