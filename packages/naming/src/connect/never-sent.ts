import { Code } from "@connectrpc/connect";
import { dispositionOf } from "@etcdkit/transport";

/**
 * Whether a call failed because its endpoint is not there, and the endpoint cannot have seen it: only then it may be sent to
 * another. Proofs are what the transport says (`disposition`), or an operation of Node's that comes before all sending.
 */
export function neverSent(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error && error.code === Code.Unavailable)) return false;
  return dispositionOf(error) !== "unknown" || failedDial(error);
}

function failedDial(error: unknown): boolean {
  const seen = new Set<unknown>();
  for (let cause = error; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    seen.add(cause);
    if ("syscall" in cause && (cause.syscall === "connect" || cause.syscall === "getaddrinfo")) return true;
    // Node tried several addresses of a host, and every one failed.
    if (cause instanceof AggregateError) return cause.errors.length > 0 && cause.errors.every(failedDial);
  }
  return false;
}
