import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderFields } from "../hpack/header-decoder.js";
import { TransportError } from "../transport-error.js";

/** What the head of a response says to gRPC. */
export interface ResponseHead {
  /** Messages with the compression flag are gzip. */
  readonly gzip: boolean;
}

const noCompression: ResponseHead = { gzip: false };
const gzip: ResponseHead = { gzip: true };

// The same few heads come again and again, as the same arrays.
const known = new WeakMap<HeaderFields, ResponseHead>();

/**
 * Reads the head of a response (gRPC over HTTP/2, "Responses").
 *
 * @throws `TransportError` for what is not a gRPC response.
 */
export function readHead(fields: HeaderFields): ResponseHead {
  let head = known.get(fields);
  if (head === undefined) {
    head = parse(fields);
    known.set(fields, head);
  }
  return head;
}

function parse(fields: HeaderFields): ResponseHead {
  const status = fieldOf(fields, ":status");
  if (status !== "200") throw httpError(status);
  const type = fieldOf(fields, "content-type") ?? "";
  if (!/^application\/grpc(?:\+proto)?(?:;|$)/i.test(type)) {
    const message = `the answer is not gRPC (content type ${JSON.stringify(type.slice(0, 100))})`;
    throw new TransportError("protocol", message, Code.Unknown, "unknown");
  }
  const encoding = (fieldOf(fields, "grpc-encoding") ?? "identity").toLowerCase();
  if (encoding === "identity" || encoding === "") return noCompression;
  if (encoding === "gzip") return gzip;
  const message = `the answer is compressed in an unknown way (${JSON.stringify(encoding.slice(0, 100))})`;
  throw new TransportError("protocol", message, Code.Internal, "unknown");
}

// gRPC, "HTTP to gRPC Status Code Mapping".
const statusByHttp: Readonly<Record<string, Code>> = {
  "400": Code.Internal,
  "401": Code.Unauthenticated,
  "403": Code.PermissionDenied,
  "404": Code.Unimplemented,
  "429": Code.Unavailable,
  "502": Code.Unavailable,
  "503": Code.Unavailable,
  "504": Code.Unavailable,
};

function httpError(status: string | undefined): TransportError {
  if (status === undefined) {
    return new TransportError("protocol", "the answer has no HTTP status", Code.Unknown, "unknown");
  }
  return new TransportError("http", `HTTP ${status}`, statusByHttp[status] ?? Code.Unknown, "unknown");
}

/** Whether the fields carry a gRPC status: trailers, or a response that is nothing but trailers. */
export function hasStatus(fields: HeaderFields): boolean {
  return fieldOf(fields, "grpc-status") !== undefined;
}

const succeeded = new WeakSet<HeaderFields>();

/**
 * Reads the status of a call from its trailers.
 *
 * @returns `undefined` when the call succeeded.
 */
export function readStatus(fields: HeaderFields): ConnectError | undefined {
  if (succeeded.has(fields)) return undefined;
  const status = fieldOf(fields, "grpc-status");
  if (status === "0") {
    succeeded.add(fields);
    return undefined;
  }
  if (status === undefined) {
    return new TransportError("protocol", "the answer ended without a gRPC status", Code.Internal, "unknown");
  }
  const code = /^\d{1,2}$/.test(status) && Code[Number(status)] !== undefined ? Number(status) : Code.Unknown;
  return new ConnectError(percentDecode(fieldOf(fields, "grpc-message") ?? ""), code, toHeaders(fields));
}

/** Fields as a `Headers`, without HTTP/2's own. */
export function toHeaders(fields: HeaderFields): Headers {
  const headers = new Headers();
  for (const [name, value] of fields) {
    if (name.startsWith(":")) continue;
    try {
      headers.append(name, value);
    } catch {
      // What is no header name or value is of no use to anybody.
    }
  }
  return headers;
}

function fieldOf(fields: HeaderFields, name: string): string | undefined {
  for (const field of fields) if (field[0] === name) return field[1];
  return undefined;
}

/** gRPC over HTTP/2, "Percent-Encoded": what is no sequence stays as it is, what is no UTF-8 becomes U+FFFD. */
function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll("%", ""), "hex").toString(),
  );
}
