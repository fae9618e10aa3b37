import { type EtcdErrorCode, type GrpcStatus, isEtcdError } from "@etcdkit/core";

// Errors that arose on this side have no status; these are what a gRPC client would have reported.
const localStatus: Readonly<Partial<Record<EtcdErrorCode, GrpcStatus>>> = {
  DEADLINE: "DEADLINE_EXCEEDED",
  UNAVAILABLE: "UNAVAILABLE",
  TLS: "UNAVAILABLE",
  NO_ENDPOINTS: "UNAVAILABLE",
  CLOSED: "CANCELLED",
  CANCELLED: "CANCELLED",
  PROTOCOL: "INTERNAL",
  MESSAGE_TOO_LARGE: "RESOURCE_EXHAUSTED",
  OLD_CLUSTER: "FAILED_PRECONDITION",
};

/** The gRPC status that a call ended with, by what it rejected with and the signal that may have ended it. */
export function grpcStatusOf(error: unknown, signal?: AbortSignal): GrpcStatus {
  if (isEtcdError(error)) return error.grpcCode ?? localStatus[error.code] ?? "UNKNOWN";
  if (signal?.aborted !== true || error !== signal.reason) return "UNKNOWN";
  return error instanceof Error && error.name === "TimeoutError" ? "DEADLINE_EXCEEDED" : "CANCELLED";
}
