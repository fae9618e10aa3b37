import {
  type Disposition,
  dispositionOf,
  type FailureKind,
  failureKindOf,
  failureText,
} from "@etcdkit/transport";
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
 * errors are told apart by whether the server sent them or what kind of failure on this side they are.
 */
export function fromTransport(reason: unknown, call: FailedCall): EtcdError {
  const disposition = dispositionOf(reason);
  if (isEtcdError(reason)) {
    return rewrap(reason, call, reason.outcome ?? outcomeFrom(disposition));
  }
  const text = failureText(reason);
  const server = isStatus(reason) ? findServerError(text) : undefined;
  if (server !== undefined) {
    const outcome = disposition === "unknown" ? outcomeOf(server, call.method) : "not-applied";
    return failure(server.code, text, call, outcome, reason, server.grpcCode);
  }
  const kind = failureKindOf(reason);
  if (kind === undefined && isStatus(reason)) {
    const grpcCode = grpcStatusName(reason.code);
    const [code, known] = classifyStatus(grpcCode, text);
    return failure(code, text, call, disposition === "unknown" ? known : "not-applied", reason, grpcCode);
  }
  return failure(classifyLocal(kind, text), text, call, outcomeFrom(disposition), reason);
}

/**
 * What a server's error proves about a write by this method. Before 3.7 only the member that was asked carries out the
 * reads of a transaction: one that it refuses, for the revision of a read, the other members have applied (etcd issue
 * 18667).
 */
function outcomeOf({ code, outcome }: ServerError, method: string): Outcome {
  return method === "Txn" && (code === "COMPACTED" || code === "FUTURE_REV") ? "unknown" : outcome;
}

/** Whether it is a ConnectError, by its shape: two copies of that package may be installed. */
function isStatus(reason: unknown): reason is Error & { readonly code: number } {
  return (
    reason instanceof Error &&
    "rawMessage" in reason &&
    typeof reason.rawMessage === "string" &&
    "code" in reason &&
    typeof reason.code === "number"
  );
}

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
function classifyLocal(kind: FailureKind | undefined, text: string): EtcdErrorCode {
  if (kind !== "http") return codeByKind[kind ?? "link"];
  // 429, 502, 503 and 504 come from load balancers that will find a member again.
  return /^HTTP (429|502|503|504)$/.test(text) ? "UNAVAILABLE" : "PROTOCOL";
}

const codeByKind = {
  link: "UNAVAILABLE",
  tls: "TLS",
  protocol: "PROTOCOL",
  limit: "MESSAGE_TOO_LARGE",
  deadline: "DEADLINE",
} as const satisfies Readonly<Record<Exclude<FailureKind, "http">, EtcdErrorCode>>;

/**
 * Tells a link that can never work from one that does not work now: `TLS` and `PROTOCOL` are for good, until somebody
 * changes certificates, configuration or the server.
 */
export function classifyLink(reason: unknown): "TLS" | "PROTOCOL" | "UNAVAILABLE" {
  if (isEtcdError(reason)) {
    return reason.code === "TLS" || reason.code === "PROTOCOL" ? reason.code : "UNAVAILABLE";
  }
  const kind = failureKindOf(reason);
  return kind === "tls" || kind === "protocol" ? codeByKind[kind] : "UNAVAILABLE";
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

/** A server's text may be hostile: control characters could forge lines of a log. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.slice(0, 2_000).replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}
