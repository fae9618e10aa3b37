import { type JsonValue, json } from "@etcdkit/core";
import type { Endpoint } from "./endpoint.js";

/**
 * The value that is stored for an endpoint: JSON with the members that Go's client writes. `Op` is always 0 ("add").
 *
 * Source: etcd's client/v3/naming/endpoints/internal/update.go.
 *
 * @throws `TypeError` when the endpoint has no address, or a URL for one, or metadata that JSON cannot express.
 */
export function encodeEndpoint(endpoint: Endpoint, name: string): string {
  if (typeof endpoint !== "object" || endpoint === null) throw new TypeError(`${name} must be an object`);
  const { address, metadata } = endpoint;
  if (typeof address !== "string" || address === "") {
    throw new TypeError(`${name}.address must be a string that is not empty`);
  }
  if (isUrl(address)) throw new TypeError(`${name}.address must be host:port or unix:path, not a URL`);
  const expressed = metadata === undefined ? "null" : stringified(metadata, `${name}.metadata`);
  return `{"Op":0,"Addr":${JSON.stringify(address)},"Metadata":${expressed}}`;
}

function stringified(metadata: JsonValue, name: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(metadata);
  } catch (cause) {
    throw new TypeError(`${name} cannot be expressed as JSON`, { cause });
  }
  if (text === undefined) throw new TypeError(`${name} cannot be expressed as JSON`);
  return text;
}

/** Whether clients that dial would take a scheme for the name of a host. `unix://` and a path is a way to write a path. */
function isUrl(address: string): boolean {
  return address.includes("://") && !address.startsWith("unix:");
}

/**
 * Reads a stored endpoint as Go's decoder does: names of members in any case, in any order, the last of several counts;
 * unknown members, a missing `Op` and missing `Metadata` are no fault.
 *
 * @throws `TypeError` or `SyntaxError` for what names no address. The value is not repeated.
 */
export function decodeEndpoint(value: Uint8Array): Endpoint {
  const members = json(value);
  if (typeof members !== "object" || members === null || Array.isArray(members)) {
    throw new TypeError("the value of an endpoint must be a JSON object");
  }
  let address: unknown;
  let metadata: unknown;
  for (const [member, content] of Object.entries(members)) {
    const name = member.toLowerCase();
    if (name === "addr") address = content;
    else if (name === "metadata") metadata = content;
  }
  if (typeof address !== "string" || address === "") {
    throw new TypeError('the value of an endpoint must have an "Addr" that is a string and not empty');
  }
  return metadata === undefined || metadata === null
    ? { address }
    : { address, metadata: metadata as JsonValue };
}
