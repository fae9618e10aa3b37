import { Code } from "@connectrpc/connect";

/**
 * What kind of failure it was:
 *
 * - `link`: the connection could not be made or broke.
 * - `tls`: TLS refused it, or a certificate or key could not be read. Trying again does not help.
 * - `protocol`: what answers does not speak HTTP/2 or gRPC, or breaks their rules.
 * - `limit`: a message is larger than this side takes.
 * - `deadline`: the time of the call was up on this side.
 * - `http`: an HTTP error without a gRPC status, as proxies send it; the text is `HTTP` and its number.
 */
export type FailureKind = "link" | "tls" | "protocol" | "limit" | "deadline" | "http";

const kinds: ReadonlySet<string> = new Set<FailureKind>([
  "link",
  "tls",
  "protocol",
  "limit",
  "deadline",
  "http",
]);

/**
 * The kind of failure that an error of any Connect transport tells of; `undefined` for a status that the server sent.
 *
 * The transports of this package say it themselves, by {@link TransportError.kind}. Of others (connect-node's own, an
 * in-memory one) it is read from code, text and causes; what says nothing of itself counts as `link`. The abort of a
 * call is no failure of either side: ask the signal first.
 */
export function failureKindOf(error: unknown): FailureKind | undefined {
  if (!(error instanceof Error)) return "link";
  if ("kind" in error && isKind(error.kind)) return error.kind;
  const status = statusOf(error);
  if (status === undefined) return kindByCodes(error) ?? "link";
  return isOfServer(status) ? undefined : kindOfStatus(status, error);
}

/** Whether Node's code for an error is one of OpenSSL or of the certificate check. */
export function isTlsCode(code: string): boolean {
  return tlsCode.test(code);
}

const tlsCode =
  /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CRL_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|EPROTO$)/;

function isKind(value: unknown): value is FailureKind {
  return typeof value === "string" && kinds.has(value);
}

interface Status {
  readonly code: number;
  readonly text: string;
  readonly metadata: unknown;
}

/** Reads a ConnectError by its shape: two copies of that package may be installed. */
function statusOf(error: Error): Status | undefined {
  if (!("rawMessage" in error && "code" in error)) return undefined;
  const { rawMessage: text, code } = error;
  if (typeof text !== "string" || typeof code !== "number") return undefined;
  return { code, text, metadata: "metadata" in error ? error.metadata : undefined };
}

// Transports that are not gRPC's (Connect's in-memory one) hand on no trailers. These codes nobody but a server makes,
// unless a transport says with them what it found of HTTP.
const serverOnly: ReadonlySet<number> = new Set([
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
  Code.DataLoss,
  Code.Unauthenticated,
]);
const ofTransport = /^(?:HTTP \d+$|protocol error|http\/2 stream closed|unsupported content type)/;

function isOfServer({ code, text, metadata }: Status): boolean {
  if (metadata instanceof Headers && metadata.has("grpc-status")) return true;
  return serverOnly.has(code) && !ofTransport.test(text);
}

/** The texts are those of Connect's protocols, of connect-node and of Node. */
function kindOfStatus({ code, text }: Status, error: Error): FailureKind {
  if (/^HTTP \d+$/.test(text)) return "http";
  if (code === Code.DeadlineExceeded) return "deadline";
  if (code === Code.ResourceExhausted && text.includes("larger than configured")) return "limit";
  if (text.startsWith("unsupported content type") || text.startsWith("protocol error")) return "protocol";
  if (text.startsWith("http/2 stream closed")) return "link";
  const kind = kindByCodes(error);
  if (kind !== undefined) return kind;
  // What is left of these codes, and has no other error for its cause, are bytes that do not decode.
  const decoding = code === Code.Internal || code === Code.InvalidArgument;
  return decoding && nodeCodes(error).length === 0 && !(error.cause instanceof Error) ? "protocol" : "link";
}

function kindByCodes(error: Error): FailureKind | undefined {
  for (const code of nodeCodes(error)) {
    if (isTlsCode(code)) return "tls";
    if (code === "ERR_HTTP2_ERROR") return "protocol";
  }
  return undefined;
}

/** The `code` strings of an error and its causes. */
function nodeCodes(reason: unknown): readonly string[] {
  const codes: string[] = [];
  const seen = new Set<unknown>();
  for (let error = reason; error instanceof Error && !seen.has(error); error = error.cause) {
    seen.add(error);
    if ("code" in error && typeof error.code === "string") codes.push(error.code);
    if (error instanceof AggregateError) for (const one of error.errors) codes.push(...nodeCodes(one));
  }
  return codes;
}
