import type { DescMethod } from "@bufbuild/protobuf";
import type { HeaderFields } from "../hpack/header-decoder.js";
import type { Http2Connection } from "../http2/connection.js";

/** Request metadata as Connect hands it on. */
export type HeaderInput = Headers | readonly (readonly [string, string])[] | Readonly<Record<string, string>>;

// Never put into a compression table, where a later guess could be compared with them (RFC 7541, 7.1).
const secret: ReadonlySet<string> = new Set(["authorization", "cookie", "token"]);

// Fields that say how this side speaks gRPC and HTTP/2, which is not the caller's to say; the last six have no place in
// HTTP/2 at all (RFC 9113, 8.2.2).
const reserved: ReadonlySet<string> = new Set([
  "te",
  "content-type",
  "content-length",
  "grpc-timeout",
  "grpc-encoding",
  "grpc-accept-encoding",
  "host",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
const validName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// RFC 9110, 5.5, in Latin-1: other text goes into fields as base64, under a name that ends in "-bin".
const validValue = /^[\t\x20-\x7e\x80-\xff]*$/;

// The server is told of a later deadline than the one kept here: at the same moment, whichever of the two was heard first
// would decide whether a call ends as out of time or as reset by the server.
const timeoutSlackMs = 500;

interface Block {
  /** Its number: what is kept for the next call must not keep a connection that is gone. */
  readonly connection: number;
  readonly generation: number;
  readonly bytes: Buffer;
}

/** What request headers consist of besides the method and the caller's metadata. */
export interface RequestSetup {
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly userAgent: string;
  readonly compression: "gzip" | undefined;
}

/**
 * Makes the header block of requests (gRPC over HTTP/2, "Requests"). Blocks of calls that differ in nothing are encoded
 * once per connection: for that `grpc-timeout` is in whole seconds, past the exact deadline, which is kept on this side, and
 * metadata given as a frozen array is taken to stay as it is.
 */
export class RequestHeaders {
  readonly #setup: RequestSetup;
  readonly #byMetadata = new WeakMap<object, Map<DescMethod, Map<number | undefined, Block>>>();
  readonly #none = Object.freeze([]);

  constructor(setup: RequestSetup) {
    this.#setup = setup;
  }

  /** The block to send next on `connection`; it must be sent before another is asked for. */
  block(
    connection: Http2Connection,
    method: DescMethod,
    timeoutMs: number | undefined,
    metadata: HeaderInput | undefined,
  ): Buffer {
    const seconds = timeoutMs === undefined ? undefined : Math.ceil((timeoutMs + timeoutSlackMs) / 1_000);
    const constant =
      metadata === undefined
        ? this.#none
        : Object.isFrozen(metadata) && Array.isArray(metadata)
          ? metadata
          : undefined;
    if (constant === undefined) {
      return connection.encodeHeaders(this.#fields(method, seconds, metadata), secret);
    }
    const blocks = this.#blocks(constant, method);
    const known = blocks.get(seconds);
    if (
      known !== undefined &&
      known.connection === connection.id &&
      known.generation === connection.headerGeneration
    ) {
      return known.bytes;
    }
    const before = connection.headerGeneration;
    const bytes = connection.encodeHeaders(this.#fields(method, seconds, metadata), secret);
    // A block that brought in new fields can be sent only once; the next one will be the constant one.
    if (before === connection.headerGeneration)
      blocks.set(seconds, { connection: connection.id, generation: before, bytes });
    return bytes;
  }

  /** The blocks of one method with metadata that stays as it is, by their `grpc-timeout`. */
  #blocks(metadata: object, method: DescMethod): Map<number | undefined, Block> {
    let byMethod = this.#byMetadata.get(metadata);
    if (byMethod === undefined) {
      byMethod = new Map();
      this.#byMetadata.set(metadata, byMethod);
    }
    let blocks = byMethod.get(method);
    if (blocks === undefined) {
      blocks = new Map();
      byMethod.set(method, blocks);
    }
    return blocks;
  }

  #fields(method: DescMethod, seconds: number | undefined, metadata: HeaderInput | undefined): HeaderFields {
    const { scheme, authority, userAgent, compression } = this.#setup;
    const fields: (readonly [string, string])[] = [
      [":method", "POST"],
      [":scheme", scheme],
      [":path", `/${method.parent.typeName}/${method.name}`],
      [":authority", authority],
      ["te", "trailers"],
      ["content-type", "application/grpc+proto"],
      ["grpc-accept-encoding", "gzip"],
    ];
    if (compression !== undefined) fields.push(["grpc-encoding", compression]);
    if (seconds !== undefined) fields.push(["grpc-timeout", timeoutValue(seconds)]);
    let agent = userAgent;
    for (const [given, value] of entries(metadata)) {
      const name = given.toLowerCase();
      if (!validName.test(name))
        throw new TypeError(`header: ${JSON.stringify(given)} is no name of a field`);
      if (!validValue.test(value))
        throw new TypeError(`header: the value of ${name} has characters that no field may have`);
      if (name === "user-agent") agent = value;
      else if (!reserved.has(name)) fields.push([name, value]);
    }
    fields.push(["user-agent", agent]);
    return fields;
  }
}

/** At most eight digits (gRPC over HTTP/2, "Timeout"); above that hours, for what is practically no limit. */
function timeoutValue(seconds: number): string {
  return seconds <= 99_999_999 ? `${seconds}S` : `${Math.min(Math.ceil(seconds / 3_600), 99_999_999)}H`;
}

function entries(metadata: HeaderInput | undefined): Iterable<readonly [string, string]> {
  if (metadata === undefined) return [];
  if (Symbol.iterator in metadata) return metadata as Headers | readonly (readonly [string, string])[];
  return Object.entries(metadata);
}
