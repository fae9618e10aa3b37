import { Code, ConnectError } from "@connectrpc/connect";
import type { Disposition } from "./disposition.js";

/**
 * What kind of failure it was:
 *
 * - `link`: the connection could not be made or broke.
 * - `tls`: TLS refused it, or a certificate or key could not be read. Trying again does not help.
 * - `protocol`: what answers does not speak HTTP/2 or gRPC, or breaks their rules.
 * - `limit`: a message is larger than this side takes.
 * - `deadline`: the time of the call was up on this side.
 * - `http`: an HTTP error without a gRPC status, as proxies send it.
 */
export type FailureKind = "link" | "tls" | "protocol" | "limit" | "deadline" | "http";

/** A failure that arose on this side of the wire. A status that the server sent is a plain `ConnectError`. */
export class TransportError extends ConnectError {
  readonly kind: FailureKind;
  readonly disposition: Disposition;

  /** As the language defines it: `ConnectError` takes whatever looks like one, and so would its subclass. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(TransportError, value);
  }

  constructor(kind: FailureKind, message: string, code: Code, disposition: Disposition, cause?: unknown) {
    super(message, code, undefined, undefined, cause);
    this.kind = kind;
    this.disposition = disposition;
  }
}

/** The connection failed a request. */
export function linkError(reason: unknown, disposition: Disposition): TransportError {
  if (reason instanceof TransportError) {
    return reason.disposition === disposition
      ? reason
      : new TransportError(reason.kind, reason.rawMessage, reason.code, disposition, reason.cause);
  }
  const message = reason instanceof Error ? reason.message : String(reason);
  return new TransportError(kindOf(reason), message, Code.Unavailable, disposition, reason);
}

function kindOf(reason: unknown): FailureKind {
  return typeof reason === "object" && reason !== null && "kind" in reason && reason.kind === "protocol"
    ? "protocol"
    : "link";
}
