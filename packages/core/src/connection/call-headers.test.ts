import { describe, expect, it } from "vitest";
import { CallHeaders, checkCallerHeaders, type HeaderInput, type Metadata } from "./call-headers.js";

const entries = (headers: Headers): Record<string, string> => Object.fromEntries(headers);

/** Metadata as a transport reads it. */
const asHeaders = (metadata: Metadata): Headers =>
  new Headers(metadata.map(([name, value]) => [name, value]));

describe("the metadata of a call", () => {
  // client/v3/ctx_test.go:TestMetadataWithClientAPIVersion
  it("names the client's version on every call", () => {
    expect(entries(asHeaders(new CallHeaders().for(undefined, false, undefined)))).toEqual({
      "client-api-version": "3.7",
    });
  });

  // client/v3/credentials/credentials_test.go:TestUpdateAuthToken
  it("carries a token once there is one, and the new one after a change", () => {
    const headers = new CallHeaders();
    expect(asHeaders(headers.for(undefined, false, undefined)).has("token")).toBe(false);
    expect(asHeaders(headers.for("one", false, undefined)).get("token")).toBe("one");
    expect(asHeaders(headers.for("two", false, undefined)).get("token")).toBe("two");
    expect(asHeaders(headers.for("two", true, undefined)).get("token")).toBe("two");
    expect(asHeaders(headers.for(undefined, false, undefined)).has("token")).toBe(false);
  });

  // client/v3/ctx_test.go:TestMetadataWithRequireLeader
  it("asks for a leader beside the version and all that the caller adds", () => {
    const own = new Headers([
      ["trace", "one"],
      ["trace", "two"],
      ["tenant", "blue"],
    ]);
    expect(entries(asHeaders(new CallHeaders().for("t", true, own)))).toEqual({
      "client-api-version": "3.7",
      hasleader: "true",
      token: "t",
      trace: "one, two",
      tenant: "blue",
    });
  });

  it("makes what calls without headers of their own send only once", () => {
    const headers = new CallHeaders();
    expect(headers.for("t", false, undefined)).toBe(headers.for("t", false, undefined));
  });

  it("keeps one call's headers out of the next", () => {
    const headers = new CallHeaders();
    headers.for("t", false, { tenant: "blue" });
    expect(asHeaders(headers.for("t", false, undefined)).has("tenant")).toBe(false);
  });
});

describe("the headers that a caller may add", () => {
  it("are given as an object, as pairs or as Headers", () => {
    const given: HeaderInput[] = [{ Tenant: "blue" }, [["tenant", "blue"]], new Headers({ tenant: "blue" })];
    for (const own of given) {
      expect(asHeaders(new CallHeaders().for(undefined, false, own)).get("tenant")).toBe("blue");
    }
  });

  it.each([
    "token",
    "hasleader",
    "client-api-version",
    "authorization",
    "Authorization",
    "grpcgateway-accept",
    "te",
    "host",
    "content-type",
    "content-length",
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "grpc-timeout",
    "grpc-encoding",
    "GRPC-Status",
  ])("are not those that etcd, gRPC or HTTP/2 use: %s", (name) => {
    expect(() => checkCallerHeaders([[name, "x"]])).toThrow(TypeError);
    expect(() => checkCallerHeaders([[name, "x"]])).toThrow(`"${name.toLowerCase()}" is reserved`);
  });

  it("points to credentials for what is one", () => {
    expect(() => checkCallerHeaders({ authorization: "Bearer hunter2" })).toThrow("use credentials");
    expect(() => checkCallerHeaders({ token: "hunter2" })).toThrow("use credentials");
  });

  it.each([":path", "", "a b", "a:b", "a\r\nb", "tenänt", "a\u0000"])(
    "have names that are metadata keys, unlike %j",
    (name) => {
      expect(() => checkCallerHeaders([[name, "x"]])).toThrow("is not a metadata key");
    },
  );

  it.each(["a\r\nevil: yes", "a\nb", "\u0000", "naïve", "\u007f", "\t"])(
    "have values of printable ASCII, unlike %j; the value is not repeated",
    (value) => {
      const attempt = (): unknown => checkCallerHeaders([["tenant", value]]);
      expect(attempt).toThrow(TypeError);
      expect(attempt).toThrow('headers: the value of "tenant" is not printable ASCII text');
    },
  );

  it("have text for values", () => {
    for (const value of [7, undefined, null, {}, ["a"]]) {
      expect(() => checkCallerHeaders({ tenant: value as unknown as string })).toThrow("printable ASCII");
    }
  });

  it("are no more than 8 KiB in all", () => {
    expect(() => checkCallerHeaders({ tenant: "x".repeat(8_186) })).not.toThrow();
    expect(() => checkCallerHeaders({ tenant: "x".repeat(8_187) })).toThrow("more than 8192 bytes");
    expect(() => checkCallerHeaders({ tenant: "x".repeat(1_000_000) })).toThrow("more than 8192 bytes");
  });

  it("cannot pollute a prototype, here or where they are copied to", () => {
    for (const name of ["__proto__", "constructor", "prototype", "Constructor"]) {
      const own = JSON.parse(`{"${name}": "x"}`) as Record<string, string>;
      expect(() => checkCallerHeaders(own)).toThrow(`headers: "${name}" is not a metadata key`);
      expect(() => checkCallerHeaders(new Headers([[name, "x"]]))).toThrow("is not a metadata key");
    }
    // What is inherited is nobody's header.
    expect([...checkCallerHeaders({ tenant: "blue" })]).toEqual([["tenant", "blue"]]);
  });
});
