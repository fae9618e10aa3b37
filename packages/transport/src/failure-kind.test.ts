import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { failureKindOf } from "./failure-kind.js";
import { TransportError } from "./transport-error.js";

/** An error of Node's. */
const errno = (code: string): Error => Object.assign(new Error(`read ${code}`), { code });

/** The same error as another copy of its package would make it. */
const foreign = (error: ConnectError): Error => Object.assign(new Error(error.message), { ...error });

describe("failureKindOf", () => {
  it("is what a transport of this package says", () => {
    for (const kind of ["link", "tls", "protocol", "limit", "deadline", "http"] as const) {
      const error = new TransportError(kind, "HTTP 404", Code.NotFound, "unknown");
      expect(failureKindOf(error)).toBe(kind);
      expect(failureKindOf(foreign(error))).toBe(kind);
    }
    expect(failureKindOf(Object.assign(new Error("?"), { kind: "toString" }))).toBe("link");
  });

  it("is none for a status that the server sent, whatever it says", () => {
    for (const text of ["HTTP 404", "protocol error", "boom"]) {
      const error = new ConnectError(text, Code.Internal, { "grpc-status": "13" });
      expect(failureKindOf(error)).toBeUndefined();
      expect(failureKindOf(foreign(error))).toBeUndefined();
    }
  });

  it.each([
    ["NotFound", Code.NotFound],
    ["AlreadyExists", Code.AlreadyExists],
    ["PermissionDenied", Code.PermissionDenied],
    ["FailedPrecondition", Code.FailedPrecondition],
    ["OutOfRange", Code.OutOfRange],
    ["Unimplemented", Code.Unimplemented],
    ["DataLoss", Code.DataLoss],
    ["Unauthenticated", Code.Unauthenticated],
  ])("is none for %s from a transport without trailers: nobody but a server makes it", (_, code) => {
    expect(failureKindOf(new ConnectError("no", code))).toBeUndefined();
  });

  // As connect-node's own transport says it.
  it.each([
    ["HTTP 404", Code.Unimplemented, "http"],
    ["HTTP 503", Code.Unavailable, "http"],
    ["unsupported content type text/html", Code.Unknown, "protocol"],
    ["protocol error: missing status", Code.Internal, "protocol"],
    ["protocol error: missing output message for unary method", Code.Unimplemented, "protocol"],
    ["parse binary: premature EOF", Code.Internal, "protocol"],
    ["http/2 stream closed with error code CANCEL (0x8)", Code.Canceled, "link"],
    ["http/2 stream closed with error code INTERNAL_ERROR (0x2)", Code.Internal, "link"],
    ["http/2 stream closed with error code INADEQUATE_SECURITY (0xc)", Code.PermissionDenied, "link"],
    ["message size 12 is larger than configured readMaxBytes 5", Code.ResourceExhausted, "limit"],
    ["the operation timed out", Code.DeadlineExceeded, "deadline"],
    ["read ECONNRESET", Code.Aborted, "link"],
  ] as const)("is read from the text of other transports: %s", (text, code, kind) => {
    expect(failureKindOf(new ConnectError(text, code))).toBe(kind);
  });

  it("is a matter of the link where an error of Connect's has another for its cause", () => {
    const error = new ConnectError("premature close", Code.Internal);
    error.cause = new Error("premature close");
    expect(failureKindOf(error)).toBe("link");
  });

  it.each([
    "CERT_HAS_EXPIRED",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "ERR_OSSL_PEM_NO_START_LINE",
    "EPROTO",
  ])("is tls by Node's code, however deep it lies: %s", (code) => {
    expect(failureKindOf(errno(code))).toBe("tls");
    expect(failureKindOf(new Error("dial failed", { cause: errno(code) }))).toBe("tls");
    const addresses = new AggregateError([errno("ECONNREFUSED"), errno(code)], "both addresses");
    expect(failureKindOf(addresses)).toBe("tls");
  });

  it("is protocol where Node's HTTP/2 says so", () => {
    expect(failureKindOf(errno("ERR_HTTP2_ERROR"))).toBe("protocol");
  });

  it("is link for everything else", () => {
    const network = ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENOTFOUND", "EHOSTUNREACH"];
    for (const code of [...network, "ENOENT", "EMFILE"]) expect(failureKindOf(errno(code))).toBe("link");
    for (const thrown of [undefined, null, "no", 7, {}]) expect(failureKindOf(thrown)).toBe("link");
    const round = new Error("round");
    round.cause = round;
    expect(failureKindOf(round)).toBe("link");
  });
});
