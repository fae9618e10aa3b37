import type { FailureKind } from "@etcdkit/transport";
import type { Disposition } from "../transport/disposition.js";
import { dispositionOf } from "../transport/disposition.js";
import { EtcdError, type EtcdErrorCode, isEtcdError } from "./etcd-error.js";
import { type GrpcStatus, grpcStatusName } from "./grpc-status.js";
import type { Outcome } from "./outcome.js";
import { findServerError, type ServerError } from "./server-errors.js";

/** What failed. */
export interface FailedCall {
  /** Name of the method, for the message. */
  readonly method: string;
  readonly endpoint: string;
  /** Whether the call writes; only then an error has an outcome. */
  readonly writes: boolean;
}

/**
 * Turns what a transport rejected with into an {@link EtcdError}.
 *
 * A server error is recognised by its text and gets the gRPC code of the table, whatever code it came with. Other
 * errors are told apart by whether the server sent them, which shows in their metadata.
 */
export function fromTransport(reason: unknown, call: FailedCall): EtcdError {
  const disposition = dispositionOf(reason);
  if (isEtcdError(reason)) {
    return rewrap(reason, call, reason.outcome ?? outcomeFrom(disposition));
  }
  const status = statusOf(reason);
  if (status === undefined)
    return failure(classifyLink(reason), textOf(reason), call, outcomeFrom(disposition), reason);
  const server = findServerError(status.text);
  if (server !== undefined) {
    const outcome = disposition === "unknown" ? outcomeOf(server, call.method) : "not-applied";
    return failure(server.code, status.text, call, outcome, reason, server.grpcCode);
  }
  if (status.fromServer) {
    const [code, outcome] = classifyStatus(status.grpcCode, status.text);
    return failure(
      code,
      status.text,
      call,
      disposition === "unknown" ? outcome : "not-applied",
      reason,
      status.grpcCode,
    );
  }
  return failure(classifyLocal(status, reason), status.text, call, outcomeFrom(disposition), reason);
}

/**
 * What a server's error proves about a write by this method. Before 3.7 only the member that was asked carries out the
 * reads of a transaction: one that it refuses, for the revision of a read, the other members have applied (etcd issue
 * 18667).
 */
function outcomeOf({ code, outcome }: ServerError, method: string): Outcome {
  return method === "Txn" && (code === "COMPACTED" || code === "FUTURE_REV") ? "unknown" : outcome;
}

interface Status {
  readonly grpcCode: GrpcStatus;
  readonly text: string;
  readonly fromServer: boolean;
}

/** Reads a ConnectError by its shape: two copies of that package may be installed. */
function statusOf(reason: unknown): Status | undefined {
  if (!(reason instanceof Error && "rawMessage" in reason && "code" in reason)) return undefined;
  const { rawMessage, code } = reason;
  if (typeof rawMessage !== "string" || typeof code !== "number") return undefined;
  const metadata = "metadata" in reason ? reason.metadata : undefined;
  const grpcCode = grpcStatusName(code);
  const fromServer =
    kindOf(reason) === undefined &&
    ((metadata instanceof Headers && metadata.has("grpc-status")) ||
      (serverOnly.has(grpcCode) && !ofTransport.test(rawMessage)));
  return { grpcCode, text: rawMessage, fromServer };
}

// Transports that are not gRPC's (Connect's in-memory one) hand on no trailers. These codes nobody but a server makes,
// unless a transport says with them what it found of HTTP.
const serverOnly: ReadonlySet<GrpcStatus> = new Set([
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "DATA_LOSS",
  "UNAUTHENTICATED",
]);
const ofTransport = /^(?:HTTP \d+$|protocol error|http\/2 stream closed|unsupported content type)/;

/** A status that the server sent with a text that is not etcd's: from the gRPC library below it, or from a proxy. */
function classifyStatus(grpcCode: GrpcStatus, text: string): [EtcdErrorCode, Outcome] {
  if (grpcCode === "OK") return ["PROTOCOL", "unknown"];
  if (grpcCode === "RESOURCE_EXHAUSTED" && /received message .*larger than max/.test(text)) {
    return ["MESSAGE_TOO_LARGE", "not-applied"];
  }
  return [
    grpcCode === "DEADLINE_EXCEEDED" ? "DEADLINE" : grpcCode,
    grpcCode === "UNIMPLEMENTED" ? "not-applied" : "unknown",
  ];
}

/** An error that arose on this side. */
function classifyLocal({ grpcCode, text }: Status, reason: unknown): EtcdErrorCode {
  const kind = kindOf(reason);
  if (kind !== undefined && kind !== "http") return codeByKind[kind];
  const http = /^HTTP (\d+)$/.exec(text);
  // 429, 502, 503 and 504 come from load balancers that will find a member again.
  if (http !== null) return ["429", "502", "503", "504"].includes(http[1] ?? "") ? "UNAVAILABLE" : "PROTOCOL";
  if (grpcCode === "DEADLINE_EXCEEDED") return "DEADLINE";
  if (grpcCode === "RESOURCE_EXHAUSTED" && text.includes("larger than configured"))
    return "MESSAGE_TOO_LARGE";
  if (text.startsWith("unsupported content type") || text.startsWith("protocol error")) return "PROTOCOL";
  if (text.startsWith("http/2 stream closed")) return "UNAVAILABLE";
  const link = classifyLink(reason);
  if (link !== "UNAVAILABLE") return link;
  // What is left of INTERNAL and INVALID_ARGUMENT are bytes that do not decode.
  const decoding =
    (grpcCode === "INTERNAL" || grpcCode === "INVALID_ARGUMENT") && nodeCodes(reason).length === 0;
  return decoding && !(reason instanceof Error && reason.cause instanceof Error) ? "PROTOCOL" : "UNAVAILABLE";
}

const codeByKind = {
  link: "UNAVAILABLE",
  tls: "TLS",
  protocol: "PROTOCOL",
  limit: "MESSAGE_TOO_LARGE",
  deadline: "DEADLINE",
} as const satisfies Readonly<Record<Exclude<FailureKind, "http">, EtcdErrorCode>>;

/** What our own transport says of a failure. */
function kindOf(reason: unknown): FailureKind | undefined {
  if (!(reason instanceof Error && "kind" in reason && typeof reason.kind === "string")) return undefined;
  return reason.kind === "http" || reason.kind in codeByKind ? (reason.kind as FailureKind) : undefined;
}

/**
 * Tells a link that can never work from one that does not work now: `TLS` and `PROTOCOL` are for good, until somebody
 * changes certificates, configuration or the server.
 */
export function classifyLink(reason: unknown): "TLS" | "PROTOCOL" | "UNAVAILABLE" {
  const kind = kindOf(reason);
  if (kind === "tls") return "TLS";
  if (kind === "protocol") return "PROTOCOL";
  if (isEtcdError(reason)) {
    return reason.code === "TLS" || reason.code === "PROTOCOL" ? reason.code : "UNAVAILABLE";
  }
  for (const code of nodeCodes(reason)) {
    if (tlsCode.test(code)) return "TLS";
    if (code === "ERR_HTTP2_ERROR") return "PROTOCOL";
  }
  return "UNAVAILABLE";
}

// Errors of OpenSSL and of the certificate check as Node names them.
const tlsCode =
  /^(ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CRL_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|EPROTO$)/;

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

function outcomeFrom(disposition: Disposition): Outcome {
  return disposition === "unknown" ? "unknown" : "not-applied";
}

function failure(
  code: EtcdErrorCode,
  text: string,
  { method, endpoint, writes }: FailedCall,
  outcome: Outcome,
  cause: unknown,
  grpcCode?: GrpcStatus,
): EtcdError {
  return new EtcdError(code, `${printable(text)} (${method} at ${endpoint})`, {
    outcome: writes ? outcome : undefined,
    endpoint,
    grpcCode,
    cause,
  });
}

/** An error of ours that a layer below raised, completed by what is known here. */
function rewrap(error: EtcdError, call: FailedCall, outcome: Outcome): EtcdError {
  return failure(error.code, error.message, call, outcome, error.cause, error.grpcCode);
}

/** The text of any value that was thrown. */
export function textOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  if (reason instanceof AggregateError && reason.message === "") return reason.errors.map(textOf).join("; ");
  return reason.message === "" ? reason.name : reason.message;
}

/** A server's text may be hostile: control characters could forge lines of a log. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.slice(0, 2_000).replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
