// etcd's metadata keys (api/v3rpc/rpctypes/metadatafields.go).
const tokenKey = "token";
const requireLeaderKey = "hasleader";
const versionKey = "client-api-version";

/** Request metadata as a caller may give it. */
export type HeaderInput = Headers | readonly (readonly [string, string])[] | Readonly<Record<string, string>>;

/** The version of etcd's protocol that this client speaks; servers count their clients by it. */
export const clientApiVersion = "3.7";

const longestTotal = 8 * 1024;
// Names that whoever copies headers into an object would trip over.
const hostile = new Set(["__proto__", "constructor", "prototype"]);
const reserved = new Set([
  tokenKey,
  requireLeaderKey,
  versionKey,
  "authorization", // etcd reads a token from it as well; `credentials` is the one way in
  "grpcgateway-accept", // makes etcd ignore the client certificate
  "te",
  "host",
  "content-type",
  "content-length",
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "user-agent",
]);

/**
 * Checks metadata that a caller adds, before any of it is written anywhere.
 *
 * @throws `TypeError` that names the header; never with its value.
 */
export function checkCallerHeaders(init: HeaderInput): Iterable<readonly [string, string]> {
  const entries: Iterable<readonly [string, string]> =
    Symbol.iterator in init
      ? (init as Headers | readonly (readonly [string, string])[])
      : Object.entries(init);
  let total = 0;
  for (const [name, value] of entries) {
    const lower = String(name).toLowerCase();
    if (!/^[a-z0-9_.-]+$/.test(lower) || hostile.has(lower))
      throw new TypeError(`headers: ${JSON.stringify(name)} is not a metadata key`);
    if (reserved.has(lower) || lower.startsWith("grpc-")) {
      throw new TypeError(
        `headers: "${lower}" is reserved${lower === tokenKey || lower === "authorization" ? "; use credentials" : ""}`,
      );
    }
    if (typeof value !== "string" || !/^[\x20-\x7e]*$/.test(value)) {
      throw new TypeError(`headers: the value of "${lower}" is not printable ASCII text`);
    }
    total += lower.length + value.length;
  }
  if (total > longestTotal) throw new TypeError(`headers: more than ${longestTotal} bytes`);
  return entries;
}

/** Request metadata that stays as it is: a transport may keep what it makes of it. */
export type Metadata = readonly (readonly [name: string, value: string])[];

/** Makes request metadata. That of calls without headers of their own is made once per token, and frozen. */
export class CallHeaders {
  #token: string | undefined;
  #plain: Metadata = metadataFor(undefined, false);
  #leader: Metadata = metadataFor(undefined, true);

  for(token: string | undefined, requireLeader: boolean, own: HeaderInput | undefined): Metadata {
    if (token !== this.#token) {
      this.#token = token;
      this.#plain = metadataFor(token, false);
      this.#leader = metadataFor(token, true);
    }
    const shared = requireLeader ? this.#leader : this.#plain;
    return own === undefined ? shared : [...shared, ...checkCallerHeaders(own)];
  }
}

function metadataFor(token: string | undefined, requireLeader: boolean): Metadata {
  const metadata: (readonly [string, string])[] = [[versionKey, clientApiVersion]];
  if (token !== undefined) metadata.push([tokenKey, token]);
  if (requireLeader) metadata.push([requireLeaderKey, "true"]);
  return Object.freeze(metadata);
}
