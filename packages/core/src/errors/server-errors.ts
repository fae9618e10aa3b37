import type { GrpcStatus } from "./grpc-status.js";
import type { Outcome } from "./outcome.js";
import type { ServerErrorCode } from "./server-error-code.js";

/** One text that an etcd server may send, and what it means. */
export interface ServerError {
  readonly code: ServerErrorCode;
  readonly grpcCode: GrpcStatus;
  /**
   * What the answer proves about a write: `not-applied` where the server refuses before it proposes the write to the
   * cluster, else `unknown`. "database space exceeded" is unknown: it is also sent after the write was stored.
   */
  readonly outcome: Outcome;
}

// Texts identify an error, gRPC codes do not: one text came with different codes over the years, and some arrive as
// UNKNOWN to this day. No text ever changed. Rows are in the order of etcd's api/v3rpc/rpctypes/error.go.
const rows: readonly (readonly [
  code: ServerErrorCode,
  grpcCode: GrpcStatus,
  text: string,
  outcome: Outcome,
])[] = [
  ["EMPTY_KEY", "INVALID_ARGUMENT", "etcdserver: key is not provided", "not-applied"],
  ["KEY_NOT_FOUND", "INVALID_ARGUMENT", "etcdserver: key not found", "not-applied"],
  ["VALUE_PROVIDED", "INVALID_ARGUMENT", "etcdserver: value is provided", "not-applied"],
  ["LEASE_PROVIDED", "INVALID_ARGUMENT", "etcdserver: lease is provided", "not-applied"],
  ["TOO_MANY_OPS", "INVALID_ARGUMENT", "etcdserver: too many operations in txn request", "not-applied"],
  ["DUPLICATE_KEY", "INVALID_ARGUMENT", "etcdserver: duplicate key given in txn request", "not-applied"],
  ["INVALID_CLIENT_API_VERSION", "INVALID_ARGUMENT", "etcdserver: invalid client api version", "not-applied"],
  ["INVALID_SORT_OPTION", "INVALID_ARGUMENT", "etcdserver: invalid sort option", "not-applied"],
  ["COMPACTED", "OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted", "not-applied"],
  ["FUTURE_REV", "OUT_OF_RANGE", "etcdserver: mvcc: required revision is a future revision", "not-applied"],
  ["NO_SPACE", "RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", "unknown"],
  ["LEASE_NOT_FOUND", "NOT_FOUND", "etcdserver: requested lease not found", "not-applied"],
  ["LEASE_EXIST", "FAILED_PRECONDITION", "etcdserver: lease already exists", "not-applied"],
  ["LEASE_TTL_TOO_LARGE", "OUT_OF_RANGE", "etcdserver: too large lease TTL", "not-applied"],
  ["WATCH_CANCELED", "CANCELLED", "etcdserver: watch canceled", "unknown"],
  ["MEMBER_EXIST", "FAILED_PRECONDITION", "etcdserver: member ID already exist", "not-applied"],
  ["PEER_URL_EXIST", "FAILED_PRECONDITION", "etcdserver: Peer URLs already exists", "not-applied"],
  [
    "MEMBER_NOT_ENOUGH_STARTED",
    "FAILED_PRECONDITION",
    "etcdserver: re-configuration failed due to not enough started members",
    "not-applied",
  ],
  ["MEMBER_BAD_URLS", "INVALID_ARGUMENT", "etcdserver: given member URLs are invalid", "not-applied"],
  ["MEMBER_NOT_FOUND", "NOT_FOUND", "etcdserver: member not found", "not-applied"],
  [
    "MEMBER_NOT_LEARNER",
    "FAILED_PRECONDITION",
    "etcdserver: can only promote a learner member",
    "not-applied",
  ],
  [
    "MEMBER_LEARNER_NOT_READY",
    "FAILED_PRECONDITION",
    "etcdserver: can only promote a learner member which is in sync with leader",
    "not-applied",
  ],
  [
    "TOO_MANY_LEARNERS",
    "FAILED_PRECONDITION",
    "etcdserver: too many learner members in cluster",
    "not-applied",
  ],
  ["CLUSTER_ID_MISMATCH", "FAILED_PRECONDITION", "etcdserver: cluster ID mismatch", "not-applied"],
  ["REQUEST_TOO_LARGE", "INVALID_ARGUMENT", "etcdserver: request is too large", "not-applied"],
  ["TOO_MANY_REQUESTS", "RESOURCE_EXHAUSTED", "etcdserver: too many requests", "not-applied"],
  ["ROOT_USER_NOT_EXIST", "FAILED_PRECONDITION", "etcdserver: root user does not exist", "not-applied"],
  [
    "ROOT_ROLE_NOT_EXIST",
    "FAILED_PRECONDITION",
    "etcdserver: root user does not have root role",
    "not-applied",
  ],
  ["USER_ALREADY_EXIST", "FAILED_PRECONDITION", "etcdserver: user name already exists", "not-applied"],
  ["USER_EMPTY", "INVALID_ARGUMENT", "etcdserver: user name is empty", "not-applied"],
  ["USER_NOT_FOUND", "FAILED_PRECONDITION", "etcdserver: user name not found", "not-applied"],
  ["ROLE_ALREADY_EXIST", "FAILED_PRECONDITION", "etcdserver: role name already exists", "not-applied"],
  ["ROLE_NOT_FOUND", "FAILED_PRECONDITION", "etcdserver: role name not found", "not-applied"],
  ["ROLE_EMPTY", "INVALID_ARGUMENT", "etcdserver: role name is empty", "not-applied"],
  [
    "AUTH_FAILED",
    "INVALID_ARGUMENT",
    "etcdserver: authentication failed, invalid user ID or password",
    "not-applied",
  ],
  ["PERMISSION_NOT_GIVEN", "INVALID_ARGUMENT", "etcdserver: permission not given", "not-applied"],
  ["PERMISSION_DENIED", "PERMISSION_DENIED", "etcdserver: permission denied", "not-applied"],
  ["ROLE_NOT_GRANTED", "FAILED_PRECONDITION", "etcdserver: role is not granted to the user", "not-applied"],
  [
    "PERMISSION_NOT_GRANTED",
    "FAILED_PRECONDITION",
    "etcdserver: permission is not granted to the role",
    "not-applied",
  ],
  ["AUTH_NOT_ENABLED", "FAILED_PRECONDITION", "etcdserver: authentication is not enabled", "not-applied"],
  ["INVALID_AUTH_TOKEN", "UNAUTHENTICATED", "etcdserver: invalid auth token", "not-applied"],
  ["INVALID_AUTH_MGMT", "INVALID_ARGUMENT", "etcdserver: invalid auth management", "not-applied"],
  ["AUTH_OLD_REVISION", "INVALID_ARGUMENT", "etcdserver: revision of auth store is old", "not-applied"],
  ["NO_LEADER", "UNAVAILABLE", "etcdserver: no leader", "unknown"],
  ["NOT_LEADER", "FAILED_PRECONDITION", "etcdserver: not leader", "not-applied"],
  ["LEADER_CHANGED", "UNAVAILABLE", "etcdserver: leader changed", "unknown"],
  ["NOT_CAPABLE", "FAILED_PRECONDITION", "etcdserver: not capable", "not-applied"],
  ["STOPPED", "UNAVAILABLE", "etcdserver: server stopped", "unknown"],
  ["TIMEOUT", "UNAVAILABLE", "etcdserver: request timed out", "unknown"],
  [
    "TIMEOUT_DUE_TO_LEADER_FAIL",
    "UNAVAILABLE",
    "etcdserver: request timed out, possibly due to previous leader failure",
    "unknown",
  ],
  [
    "TIMEOUT_DUE_TO_CONNECTION_LOST",
    "UNAVAILABLE",
    "etcdserver: request timed out, possibly due to connection lost",
    "unknown",
  ],
  [
    "TIMEOUT_WAIT_APPLIED_INDEX",
    "UNAVAILABLE",
    "etcdserver: request timed out, waiting for the applied index took too long",
    "unknown",
  ],
  ["UNHEALTHY", "UNAVAILABLE", "etcdserver: unhealthy cluster", "unknown"],
  ["CORRUPT", "DATA_LOSS", "etcdserver: corrupt cluster", "unknown"],
  [
    "NOT_SUPPORTED_FOR_LEARNER",
    "FAILED_PRECONDITION",
    "etcdserver: rpc not supported for learner",
    "not-applied",
  ],
  ["BAD_LEADER_TRANSFEREE", "FAILED_PRECONDITION", "etcdserver: bad leader transferee", "not-applied"],
  [
    "WRONG_DOWNGRADE_VERSION_FORMAT",
    "INVALID_ARGUMENT",
    "etcdserver: wrong downgrade target version format",
    "not-applied",
  ],
  [
    "INVALID_DOWNGRADE_TARGET_VERSION",
    "INVALID_ARGUMENT",
    "etcdserver: invalid downgrade target version",
    "not-applied",
  ],
  [
    "CLUSTER_VERSION_UNAVAILABLE",
    "FAILED_PRECONDITION",
    "etcdserver: cluster version not found during downgrade",
    "not-applied",
  ],
  [
    "DOWNGRADE_IN_PROCESS",
    "FAILED_PRECONDITION",
    "etcdserver: cluster has a downgrade job in progress",
    "not-applied",
  ],
  ["NO_INFLIGHT_DOWNGRADE", "FAILED_PRECONDITION", "etcdserver: no inflight downgrade job", "not-applied"],
  ["CANCELED", "CANCELLED", "etcdserver: request canceled", "unknown"],
  ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "etcdserver: context deadline exceeded", "unknown"],
  // Texts that reach a client without a gRPC status of their own.
  [
    "NO_PASSWORD_USER",
    "UNKNOWN",
    "auth: authentication failed, password was given for no password user",
    "not-applied",
  ],
  // In these words members refuse what only root may ask of them (Defragment, Hash, HashKV, Snapshot), with UNKNOWN.
  ["PERMISSION_DENIED", "PERMISSION_DENIED", "auth: permission denied", "not-applied"],
  ["USER_EMPTY", "INVALID_ARGUMENT", "auth: user name is empty", "not-applied"],
  ["INVALID_AUTH_TOKEN", "UNAUTHENTICATED", "auth: invalid auth token", "not-applied"],
  ["AUTH_OLD_REVISION", "INVALID_ARGUMENT", "auth: revision in header is old", "not-applied"],
  ["UNKNOWN_METHOD", "UNKNOWN", "etcdserver: unknown method", "not-applied"],
  [
    "TIMEOUT_LEADER_TRANSFER",
    "UNKNOWN",
    "etcdserver: request timed out, leader transfer took too long",
    "unknown",
  ],
  ["SESSION_EXPIRED", "UNKNOWN", "mutex: session is expired", "unknown"],
  ["ELECTION_NO_LEADER", "UNKNOWN", "election: no leader", "not-applied"],
  ["ELECTION_NOT_LEADER", "UNKNOWN", "election: not leader", "not-applied"],
  ["LEADER_NOT_PROVIDED", "UNKNOWN", '"leader" field must be provided', "not-applied"],
  ["WATCHER_RANGE_EMPTY", "UNKNOWN", "mvcc: watcher range is empty", "not-applied"],
  ["DUPLICATE_WATCH_ID", "UNKNOWN", "mvcc: duplicate watch ID provided on the WatchStream", "not-applied"],
  ["CANCELED", "CANCELLED", "context canceled", "unknown"],
  ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "context deadline exceeded", "unknown"],
];

const byText: ReadonlyMap<string, ServerError> = new Map(
  rows.map(([code, grpcCode, text, outcome]) => [text, { code, grpcCode, outcome }]),
);

// Watch answers carry errors as text with the status printed in front of it.
const printedStatus = /^rpc error: code = \w+ desc = /;

/**
 * Finds the error that an etcd server means by a text; `undefined` for a text that is not etcd's. The whole text has
 * to match, after the `rpc error: code = … desc = ` that watch answers put in front of it.
 */
export function findServerError(text: string): ServerError | undefined {
  return byText.get(text) ?? byText.get(text.replace(printedStatus, ""));
}
