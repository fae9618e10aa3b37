// Names of the gRPC status codes, at the index of their number (gRPC, "Status codes and their use in gRPC").
const names = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** Name of a gRPC status code. */
export type GrpcStatus = (typeof names)[number];

/** The name of a status number; a number that gRPC does not define is `UNKNOWN`, as gRPC asks for. */
export function grpcStatusName(code: number): GrpcStatus {
  return names[code] ?? "UNKNOWN";
}
