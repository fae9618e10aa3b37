import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { status } from "../../test/failures.js";
import { fromTransport } from "./from-transport.js";
import { findServerError } from "./server-errors.js";

// Written out from etcd's api/v3rpc/rpctypes/error.go by hand, so that a slip in the table shows.
const documented = [
  ["EMPTY_KEY", "INVALID_ARGUMENT", "etcdserver: key is not provided"],
  ["KEY_NOT_FOUND", "INVALID_ARGUMENT", "etcdserver: key not found"],
  ["VALUE_PROVIDED", "INVALID_ARGUMENT", "etcdserver: value is provided"],
  ["LEASE_PROVIDED", "INVALID_ARGUMENT", "etcdserver: lease is provided"],
  ["TOO_MANY_OPS", "INVALID_ARGUMENT", "etcdserver: too many operations in txn request"],
  ["DUPLICATE_KEY", "INVALID_ARGUMENT", "etcdserver: duplicate key given in txn request"],
  ["INVALID_CLIENT_API_VERSION", "INVALID_ARGUMENT", "etcdserver: invalid client api version"],
  ["INVALID_SORT_OPTION", "INVALID_ARGUMENT", "etcdserver: invalid sort option"],
  ["COMPACTED", "OUT_OF_RANGE", "etcdserver: mvcc: required revision has been compacted"],
  ["FUTURE_REV", "OUT_OF_RANGE", "etcdserver: mvcc: required revision is a future revision"],
  ["NO_SPACE", "RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded"],
  ["LEASE_NOT_FOUND", "NOT_FOUND", "etcdserver: requested lease not found"],
  ["LEASE_EXIST", "FAILED_PRECONDITION", "etcdserver: lease already exists"],
  ["LEASE_TTL_TOO_LARGE", "OUT_OF_RANGE", "etcdserver: too large lease TTL"],
  ["WATCH_CANCELED", "CANCELLED", "etcdserver: watch canceled"],
  ["MEMBER_EXIST", "FAILED_PRECONDITION", "etcdserver: member ID already exist"],
  ["PEER_URL_EXIST", "FAILED_PRECONDITION", "etcdserver: Peer URLs already exists"],
  [
    "MEMBER_NOT_ENOUGH_STARTED",
    "FAILED_PRECONDITION",
    "etcdserver: re-configuration failed due to not enough started members",
  ],
  ["MEMBER_BAD_URLS", "INVALID_ARGUMENT", "etcdserver: given member URLs are invalid"],
  ["MEMBER_NOT_FOUND", "NOT_FOUND", "etcdserver: member not found"],
  ["MEMBER_NOT_LEARNER", "FAILED_PRECONDITION", "etcdserver: can only promote a learner member"],
  [
    "MEMBER_LEARNER_NOT_READY",
    "FAILED_PRECONDITION",
    "etcdserver: can only promote a learner member which is in sync with leader",
  ],
  ["TOO_MANY_LEARNERS", "FAILED_PRECONDITION", "etcdserver: too many learner members in cluster"],
  ["CLUSTER_ID_MISMATCH", "FAILED_PRECONDITION", "etcdserver: cluster ID mismatch"],
  ["REQUEST_TOO_LARGE", "INVALID_ARGUMENT", "etcdserver: request is too large"],
  ["TOO_MANY_REQUESTS", "RESOURCE_EXHAUSTED", "etcdserver: too many requests"],
  ["ROOT_USER_NOT_EXIST", "FAILED_PRECONDITION", "etcdserver: root user does not exist"],
  ["ROOT_ROLE_NOT_EXIST", "FAILED_PRECONDITION", "etcdserver: root user does not have root role"],
  ["USER_ALREADY_EXIST", "FAILED_PRECONDITION", "etcdserver: user name already exists"],
  ["USER_EMPTY", "INVALID_ARGUMENT", "etcdserver: user name is empty"],
  ["USER_NOT_FOUND", "FAILED_PRECONDITION", "etcdserver: user name not found"],
  ["ROLE_ALREADY_EXIST", "FAILED_PRECONDITION", "etcdserver: role name already exists"],
  ["ROLE_NOT_FOUND", "FAILED_PRECONDITION", "etcdserver: role name not found"],
  ["ROLE_EMPTY", "INVALID_ARGUMENT", "etcdserver: role name is empty"],
  ["AUTH_FAILED", "INVALID_ARGUMENT", "etcdserver: authentication failed, invalid user ID or password"],
  ["PERMISSION_NOT_GIVEN", "INVALID_ARGUMENT", "etcdserver: permission not given"],
  ["PERMISSION_DENIED", "PERMISSION_DENIED", "etcdserver: permission denied"],
  ["ROLE_NOT_GRANTED", "FAILED_PRECONDITION", "etcdserver: role is not granted to the user"],
  ["PERMISSION_NOT_GRANTED", "FAILED_PRECONDITION", "etcdserver: permission is not granted to the role"],
  ["AUTH_NOT_ENABLED", "FAILED_PRECONDITION", "etcdserver: authentication is not enabled"],
  ["INVALID_AUTH_TOKEN", "UNAUTHENTICATED", "etcdserver: invalid auth token"],
  ["INVALID_AUTH_MGMT", "INVALID_ARGUMENT", "etcdserver: invalid auth management"],
  ["AUTH_OLD_REVISION", "INVALID_ARGUMENT", "etcdserver: revision of auth store is old"],
  ["NO_LEADER", "UNAVAILABLE", "etcdserver: no leader"],
  ["NOT_LEADER", "FAILED_PRECONDITION", "etcdserver: not leader"],
  ["LEADER_CHANGED", "UNAVAILABLE", "etcdserver: leader changed"],
  ["NOT_CAPABLE", "FAILED_PRECONDITION", "etcdserver: not capable"],
  ["STOPPED", "UNAVAILABLE", "etcdserver: server stopped"],
  ["TIMEOUT", "UNAVAILABLE", "etcdserver: request timed out"],
  [
    "TIMEOUT_DUE_TO_LEADER_FAIL",
    "UNAVAILABLE",
    "etcdserver: request timed out, possibly due to previous leader failure",
  ],
  [
    "TIMEOUT_DUE_TO_CONNECTION_LOST",
    "UNAVAILABLE",
    "etcdserver: request timed out, possibly due to connection lost",
  ],
  [
    "TIMEOUT_WAIT_APPLIED_INDEX",
    "UNAVAILABLE",
    "etcdserver: request timed out, waiting for the applied index took too long",
  ],
  ["UNHEALTHY", "UNAVAILABLE", "etcdserver: unhealthy cluster"],
  ["CORRUPT", "DATA_LOSS", "etcdserver: corrupt cluster"],
  ["NOT_SUPPORTED_FOR_LEARNER", "FAILED_PRECONDITION", "etcdserver: rpc not supported for learner"],
  ["BAD_LEADER_TRANSFEREE", "FAILED_PRECONDITION", "etcdserver: bad leader transferee"],
  ["WRONG_DOWNGRADE_VERSION_FORMAT", "INVALID_ARGUMENT", "etcdserver: wrong downgrade target version format"],
  ["INVALID_DOWNGRADE_TARGET_VERSION", "INVALID_ARGUMENT", "etcdserver: invalid downgrade target version"],
  [
    "CLUSTER_VERSION_UNAVAILABLE",
    "FAILED_PRECONDITION",
    "etcdserver: cluster version not found during downgrade",
  ],
  ["DOWNGRADE_IN_PROCESS", "FAILED_PRECONDITION", "etcdserver: cluster has a downgrade job in progress"],
  ["NO_INFLIGHT_DOWNGRADE", "FAILED_PRECONDITION", "etcdserver: no inflight downgrade job"],
  ["CANCELED", "CANCELLED", "etcdserver: request canceled"],
  ["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "etcdserver: context deadline exceeded"],
] as const;

// Texts that arrive as UNKNOWN because nothing in the server gives them a status.
const bare = [
  ["NO_PASSWORD_USER", "auth: authentication failed, password was given for no password user", "not-applied"],
  ["UNKNOWN_METHOD", "etcdserver: unknown method", "not-applied"],
  ["TIMEOUT_LEADER_TRANSFER", "etcdserver: request timed out, leader transfer took too long", "unknown"],
  ["SESSION_EXPIRED", "mutex: session is expired", "unknown"],
  ["ELECTION_NO_LEADER", "election: no leader", "not-applied"],
  ["ELECTION_NOT_LEADER", "election: not leader", "not-applied"],
  ["LEADER_NOT_PROVIDED", '"leader" field must be provided', "not-applied"],
] as const;

const put = { method: "Put", endpoint: "http://a:2379", writes: true };

/** gRPC codes of refusals that come before a write is proposed to the cluster. */
const refusals = [
  "INVALID_ARGUMENT",
  "OUT_OF_RANGE",
  "NOT_FOUND",
  "FAILED_PRECONDITION",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
];

describe("the table of server errors", () => {
  it("has the 63 errors that etcd documents", () => {
    expect(new Set(documented.map(([code]) => code)).size).toBe(63);
  });

  // integration/v3_grpc_test.go:TestEqErrGRPC, TestEqErrGRPCHandlesEtcdError
  it.each(documented)(
    "knows %s (%s) by its text, whatever gRPC code it came with",
    (code, grpcCode, text) => {
      const outcome = refusals.includes(grpcCode) || code === "TOO_MANY_REQUESTS" ? "not-applied" : "unknown";
      for (const sent of [Code.Unknown, Code.Internal, Code.Unavailable, Code.NotFound]) {
        const error = fromTransport(status(text, sent), put);
        expect(error).toMatchObject({ code, grpcCode, outcome, endpoint: "http://a:2379" });
        expect(error.message).toBe(`${text} (Put at http://a:2379)`);
      }
    },
  );

  it.each(bare)("knows %s, which comes without a status of its own: %s", (code, text, outcome) => {
    expect(fromTransport(status(text), put)).toMatchObject({ code, grpcCode: "UNKNOWN", outcome });
  });

  it.each([
    ["auth: permission denied", "PERMISSION_DENIED", "PERMISSION_DENIED"],
    ["auth: user name is empty", "USER_EMPTY", "INVALID_ARGUMENT"],
    ["auth: invalid auth token", "INVALID_AUTH_TOKEN", "UNAUTHENTICATED"],
    ["auth: revision in header is old", "AUTH_OLD_REVISION", "INVALID_ARGUMENT"],
  ])("knows what a member says to who is not root: %s", (text, code, grpcCode) => {
    expect(fromTransport(status(text), put)).toMatchObject({ code, grpcCode, outcome: "not-applied" });
  });

  it.each([
    ["mvcc: watcher range is empty", "WATCHER_RANGE_EMPTY"],
    ["mvcc: duplicate watch ID provided on the WatchStream", "DUPLICATE_WATCH_ID"],
    ["etcdserver: mvcc: required revision has been compacted", "COMPACTED"],
    ["rpc error: code = PermissionDenied desc = etcdserver: permission denied", "PERMISSION_DENIED"],
    ["rpc error: code = Unauthenticated desc = etcdserver: invalid auth token", "INVALID_AUTH_TOKEN"],
    [
      "rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old",
      "AUTH_OLD_REVISION",
    ],
    ["rpc error: code = InvalidArgument desc = etcdserver: user name is empty", "USER_EMPTY"],
  ])("reads the cancel reason of a watch: %s", (reason, code) => {
    expect(findServerError(reason)?.code).toBe(code);
  });

  it("knows what a server says of a caller that gave up", () => {
    expect(findServerError("context canceled")).toMatchObject({ code: "CANCELED", grpcCode: "CANCELLED" });
    expect(findServerError("context deadline exceeded")).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      grpcCode: "DEADLINE_EXCEEDED",
    });
  });

  it.each([
    "etcdserver: key is not provided.",
    "etcdserver: Key is not provided",
    " etcdserver: key is not provided",
    "key is not provided",
    "wrapped: etcdserver: key is not provided",
    "etcdserver: request timed out, possibly",
    "rpc error: code = desc = etcdserver: no leader",
    "rpc error: code = Unavailable desc = rpc error: code = Unavailable desc = etcdserver: no leader",
    "__proto__",
    "",
  ])("takes nothing else for one of them: %j", (text) => {
    expect(findServerError(text)).toBeUndefined();
  });
});
