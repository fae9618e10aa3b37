import type { GrpcStatus } from "./grpc-status.js";
import { notedOutcome, type Outcome } from "./outcome.js";
import type { ServerErrorCode } from "./server-error-code.js";

/** Codes of errors that arise on this side of the wire. */
export type ClientErrorCode =
  /** The call's time was up. `cause` holds the last failure underneath. */
  | "DEADLINE"
  /** No endpoint could serve the call, or the connection broke while it was under way. */
  | "UNAVAILABLE"
  /** The connection was closed by this program. */
  | "CLOSED"
  /** What answered is not an etcd server: not HTTP/2, not gRPC, or an answer that breaks the protocol. */
  | "PROTOCOL"
  /** TLS failed: certificate, name, version or a key that cannot be read. */
  | "TLS"
  /** The member list names no endpoint that this connection may use. */
  | "NO_ENDPOINTS"
  /** A member runs an etcd that is too old for this client (`rejectOldCluster`). */
  | "OLD_CLUSTER"
  /** A message exceeds `maxSendBytes`, `maxReceiveBytes` or the server's transport limit. */
  | "MESSAGE_TOO_LARGE"
  | "HISTORY_REPLACED"
  | "CLUSTER_CHANGED"
  /** A lease is kept alive no longer: see `KeepAliveHaltedError` for the reason. */
  | "KEEPALIVE_HALTED"
  | "SESSION_LOST"
  /** No member that was asked is as up to date as one that answered before (`@etcdkit/ordering`). */
  | "NO_GREATER_REV"
  | "NOT_HOLDER"
  /** Others changed what a transaction relied on, as often as it was to be tried. */
  | "CONFLICT"
  /** A key that was to be created exists already. */
  | "KEY_EXISTS"
  /** A double barrier has as many participants as it is for. */
  | "TOO_MANY_CLIENTS";

/**
 * What went wrong: etcd's own name of a server error, a code of ours, or for a server error that etcd does not
 * document the name of its gRPC status. Codes are stable across minor releases; messages are not.
 */
export type EtcdErrorCode = ServerErrorCode | ClientErrorCode | Exclude<GrpcStatus, "OK">;

/** What an {@link EtcdError} carries besides code and message. */
export interface EtcdErrorDetails {
  readonly outcome?: Outcome | undefined;
  readonly endpoint?: string | undefined;
  readonly grpcCode?: GrpcStatus | undefined;
  readonly cause?: unknown;
}

// One symbol however many copies of this package are installed.
const marker = Symbol.for("etcdkit.error");

/** Every failure that is not the caller's mistake (`TypeError`, `RangeError`) nor the caller's own abort. */
export class EtcdError extends Error {
  override readonly name: string = "EtcdError";

  static {
    Object.defineProperty(EtcdError.prototype, marker, { value: true });
  }

  /** What went wrong; see {@link EtcdErrorCode}. */
  readonly code: EtcdErrorCode;
  /** For writes only: what is known of the write. */
  declare readonly outcome?: Outcome;
  /** The endpoint that failed, where one did. */
  declare readonly endpoint?: string;
  /** The gRPC status behind a server's error. */
  declare readonly grpcCode?: GrpcStatus;

  constructor(code: EtcdErrorCode, message: string, details: EtcdErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    // Absent details stay absent, so that a printed error shows only what is known.
    if (details.outcome !== undefined) this.outcome = details.outcome;
    if (details.endpoint !== undefined) this.endpoint = details.endpoint;
    if (details.grpcCode !== undefined) this.grpcCode = details.grpcCode;
  }
}

/**
 * Tells an {@link EtcdError}, also one of another installed copy of this package, from other values.
 *
 * @param code - Further asks for this code.
 */
export function isEtcdError<C extends EtcdErrorCode = EtcdErrorCode>(
  value: unknown,
  code?: C,
): value is EtcdError & { readonly code: C } {
  return (
    value instanceof Error &&
    marker in value &&
    (code === undefined || ("code" in value && value.code === code))
  );
}

/**
 * What is known of the write that a call rejected: of an {@link EtcdError} its `outcome`; of an abort reason what was
 * known when the abort ended the write. `undefined` for reads, and for values that no write rejected with.
 *
 * An outcome is remembered with the reason itself, so a reason that ended several calls has one for all of them:
 * `"unknown"` as soon as one of them was a write that may have been applied. Give each write that you may want to judge a
 * reason of its own. A reason that is no object, such as a string, carries none.
 */
export function outcomeOf(error: unknown): Outcome | undefined {
  return (isEtcdError(error) ? error.outcome : undefined) ?? notedOutcome(error);
}
