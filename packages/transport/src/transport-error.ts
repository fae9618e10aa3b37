import { Code, ConnectError } from "@connectrpc/connect";
import type { Disposition } from "./disposition.js";
import type { FailureKind } from "./failure-kind.js";
import { failureText } from "./failure-text.js";

/**
 * A failure that arose on this side of the wire. A status that the server sent, and the end of a call that its caller
 * aborted (`Code.Canceled`, the signal's reason as `cause`), are plain `ConnectError`s.
 */
export class TransportError extends ConnectError {
  readonly kind: FailureKind;
  /** What is known of the request; for a dial always `unsent`. */
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
  return new TransportError(kindOf(reason), failureText(reason), Code.Unavailable, disposition, reason);
}

/** A request is larger than may be sent. */
export function tooLarge(bytes: number, most: number, disposition: Disposition): TransportError {
  const message = `the request has ${bytes} bytes, more than maxSendBytes (${most})`;
  return new TransportError("limit", message, Code.ResourceExhausted, disposition);
}

function kindOf(reason: unknown): FailureKind {
  return typeof reason === "object" && reason !== null && "kind" in reason && reason.kind === "protocol"
    ? "protocol"
    : "link";
}
