import { Code, ConnectError } from "@connectrpc/connect";
import { TransportError } from "@etcdkit/transport";
import { describe, expect, it } from "vitest";
import { errno, reset, status, unprocessed } from "../../test/failures.js";
import { EtcdError } from "./etcd-error.js";
import { classifyLink, fromTransport } from "./from-transport.js";

const endpoint = "http://a:2379";
const put = { method: "Put", endpoint, writes: true };
const range = { method: "Range", endpoint, writes: false };

describe("a status of the server that is not etcd's own", () => {
  it("keeps its gRPC code, and leaves a write unknown", () => {
    const error = fromTransport(status("boom", Code.Internal), put);
    expect(error).toMatchObject({ code: "INTERNAL", grpcCode: "INTERNAL", outcome: "unknown" });
    expect(error.cause).toMatchObject({ rawMessage: "boom" });
  });

  it("means MESSAGE_TOO_LARGE, not applied, for a request over the server's transport limit", () => {
    const text = "grpc: received message larger than max (3000000 vs. 2097152)";
    expect(fromTransport(status(text, Code.ResourceExhausted), put)).toMatchObject({
      code: "MESSAGE_TOO_LARGE",
      outcome: "not-applied",
    });
  });

  it("is DEADLINE for a deadline that the server kept", () => {
    expect(fromTransport(status("took too long", Code.DeadlineExceeded), put)).toMatchObject({
      code: "DEADLINE",
      grpcCode: "DEADLINE_EXCEEDED",
      outcome: "unknown",
    });
  });

  it.each([
    "RangeStream does not support custom sort orders",
    "RangeStream does not support revision filters",
    "RangeStream is not supported by the gRPC proxy",
  ])("is UNIMPLEMENTED, and nothing was done: %s", (text) => {
    expect(fromTransport(status(text, Code.Unimplemented), put)).toMatchObject({
      code: "UNIMPLEMENTED",
      outcome: "not-applied",
    });
  });

  it("is PROTOCOL where an answer is both OK and an error", () => {
    const error = new ConnectError("nothing in it", Code.Unknown, { "grpc-status": "0" });
    Object.assign(error, { code: 0 });
    expect(fromTransport(error, put)).toMatchObject({ code: "PROTOCOL", outcome: "unknown" });
  });

  // An in-memory transport speaks without gRPC's trailers. Codes that no transport makes by itself are a server's.
  it.each([
    [Code.NotFound, "NOT_FOUND"],
    [Code.AlreadyExists, "ALREADY_EXISTS"],
    [Code.PermissionDenied, "PERMISSION_DENIED"],
    [Code.FailedPrecondition, "FAILED_PRECONDITION"],
    [Code.OutOfRange, "OUT_OF_RANGE"],
    [Code.Unimplemented, "UNIMPLEMENTED"],
    [Code.DataLoss, "DATA_LOSS"],
    [Code.Unauthenticated, "UNAUTHENTICATED"],
  ])("is told by its code where a transport hands on no trailers (%s: %s)", (code, name) => {
    expect(fromTransport(new ConnectError("no", code), range)).toMatchObject({ code: name, grpcCode: name });
  });
});

describe("a status of etcd's own", () => {
  // txn_range_consistency_test.go:TestTxnRangeRequestConsistency
  it.each([
    ["etcdserver: mvcc: required revision has been compacted", "COMPACTED"],
    ["etcdserver: mvcc: required revision is a future revision", "FUTURE_REV"],
  ])(
    "about the revision of a read leaves a transaction unknown: members before 3.7 may have applied it (%s)",
    (text, code) => {
      const refused = status(text, Code.OutOfRange);
      const txn = { method: "Txn", endpoint, writes: true };
      expect(fromTransport(refused, txn)).toMatchObject({ code, outcome: "unknown" });
      const compact = { method: "Compact", endpoint, writes: true };
      expect(fromTransport(refused, compact)).toMatchObject({ code, outcome: "not-applied" });
    },
  );
});

describe("a failure on this side of the wire", () => {
  it("is UNAVAILABLE for a link that broke, and the write is unknown", () => {
    const error = fromTransport(reset(), put);
    expect(error).toMatchObject({ code: "UNAVAILABLE", outcome: "unknown", endpoint });
    expect(error.grpcCode).toBeUndefined();
  });

  it.each(["unsent", "refused"] as const)("proves a write not applied when the request was %s", (known) => {
    expect(fromTransport(unprocessed(known), put)).toMatchObject({
      code: "UNAVAILABLE",
      outcome: "not-applied",
    });
  });

  it("ignores a disposition that it does not know", () => {
    const error = Object.assign(reset(), { disposition: "probably fine" });
    expect(fromTransport(error, put).outcome).toBe("unknown");
  });

  it.each([
    ["link", "UNAVAILABLE"],
    ["tls", "TLS"],
    ["protocol", "PROTOCOL"],
    ["limit", "MESSAGE_TOO_LARGE"],
    ["deadline", "DEADLINE"],
  ] as const)("has the code of the kind that the transport tells: %s", (kind, code) => {
    // Neither its code nor its text counts then.
    const error = new TransportError(kind, "HTTP 404", Code.NotFound, "refused");
    expect(fromTransport(error, put)).toMatchObject({ code, outcome: "not-applied" });
    expect(fromTransport(error, put).message).toBe("HTTP 404 (Put at http://a:2379)");
  });

  it("says nothing of an outcome for reads", () => {
    expect("outcome" in fromTransport(reset(), range)).toBe(false);
    expect("outcome" in fromTransport(status("etcdserver: no leader"), range)).toBe(false);
  });

  it("is DEADLINE when the call's time was up", () => {
    expect(
      fromTransport(new ConnectError("the operation timed out", Code.DeadlineExceeded), put),
    ).toMatchObject({ code: "DEADLINE", outcome: "unknown" });
  });

  it("is MESSAGE_TOO_LARGE for an answer over the limit; what was written stays written", () => {
    const text = "message size 12 is larger than configured readMaxBytes 5";
    expect(fromTransport(new ConnectError(text, Code.ResourceExhausted), put)).toMatchObject({
      code: "MESSAGE_TOO_LARGE",
      outcome: "unknown",
    });
  });

  it.each([
    ["HTTP 404", Code.Unimplemented, "PROTOCOL"],
    ["HTTP 500", Code.Unknown, "PROTOCOL"],
    ["HTTP 429", Code.Unavailable, "UNAVAILABLE"],
    ["HTTP 502", Code.Unavailable, "UNAVAILABLE"],
    ["HTTP 503", Code.Unavailable, "UNAVAILABLE"],
    ["HTTP 504", Code.Unavailable, "UNAVAILABLE"],
    ["unsupported content type text/html", Code.Unknown, "PROTOCOL"],
    ["protocol error: missing status", Code.Internal, "PROTOCOL"],
    ["http/2 stream closed with error code CANCEL (0x8)", Code.Canceled, "UNAVAILABLE"],
    ["http/2 stream closed with error code INTERNAL_ERROR (0x2)", Code.Internal, "UNAVAILABLE"],
    ["parse binary: premature EOF", Code.Internal, "PROTOCOL"],
  ])("tells a server that is no etcd from one that is down: %s", (text, code, expected) => {
    expect(fromTransport(new ConnectError(text, code), put)).toMatchObject({
      code: expected,
      outcome: "unknown",
    });
  });

  // Which error is of which kind is for the transport to know: failure-kind.test.ts there.
  it.each([
    ["CERT_HAS_EXPIRED", "TLS"],
    ["ERR_HTTP2_ERROR", "PROTOCOL"],
    ["ECONNREFUSED", "UNAVAILABLE"],
  ])("is for good or may pass, by its kind: %s is %s", (code, expected) => {
    expect(classifyLink(errno(code))).toBe(expected);
  });

  it("keeps the code of an error of ours and completes the rest", () => {
    const inner = new EtcdError("MESSAGE_TOO_LARGE", "too much");
    const error = fromTransport(Object.assign(inner, { disposition: "unsent" }), put);
    expect(error).toMatchObject({ code: "MESSAGE_TOO_LARGE", outcome: "not-applied", endpoint });
    expect(error.message).toBe("too much (Put at http://a:2379)");
  });

  it("takes anything that was thrown", () => {
    for (const thrown of [undefined, null, "no", 7, {}]) {
      expect(fromTransport(thrown, put)).toMatchObject({ code: "UNAVAILABLE", outcome: "unknown" });
    }
  });
});

describe("the text of an error", () => {
  it("shows no control characters of the server, which could forge lines of a log", () => {
    const text = "no\r\n2026-01-01 INFO all is well\u001b[2J\u0085";
    expect(fromTransport(status(text), put).message).toBe(
      "no 2026-01-01 INFO all is well [2J  (Put at http://a:2379)",
    );
  });

  it("is not longer than anybody reads", () => {
    expect(fromTransport(status("x".repeat(100_000)), put).message.length).toBeLessThan(2_100);
  });
});
