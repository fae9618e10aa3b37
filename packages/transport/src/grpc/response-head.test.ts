import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { failure } from "../../test/support/failure.js";
import { TransportError } from "../transport-error.js";
import { hasStatus, readHead, readStatus, toHeaders } from "./response-head.js";

const ok = [":status", "200"] as const;

describe("readHead", () => {
  it.each([
    "application/grpc",
    "application/grpc+proto",
    "application/grpc;charset=utf-8",
    "Application/GRPC",
  ])("takes the content type %s", (type) => {
    expect(readHead([ok, ["content-type", type]])).toEqual({ gzip: false });
  });

  it.each(["", "text/html", "application/grpc-web", "application/grpcx", "application/grpc+json"])(
    "refuses the content type %j",
    (type) => {
      const error = failure(() => readHead([ok, ["content-type", type]]));
      expect(error.code).toBe(Code.Unknown);
      expect(error.kind).toBe("protocol");
      expect(error.rawMessage).toContain(JSON.stringify(type));
    },
  );

  it("shows only the beginning of a content type that goes on and on", () => {
    expect(
      failure(() => readHead([ok, ["content-type", "x".repeat(10_000)]])).rawMessage.length,
    ).toBeLessThan(200);
  });

  it("refuses a head without content type, or without status", () => {
    expect(failure(() => readHead([ok])).kind).toBe("protocol");
    expect(failure(() => readHead([["content-type", "application/grpc"]])).rawMessage).toContain(
      "no HTTP status",
    );
  });

  it.each([
    ["400", Code.Internal],
    ["401", Code.Unauthenticated],
    ["403", Code.PermissionDenied],
    ["404", Code.Unimplemented],
    ["429", Code.Unavailable],
    ["502", Code.Unavailable],
    ["503", Code.Unavailable],
    ["504", Code.Unavailable],
    ["500", Code.Unknown],
    ["204", Code.Unknown],
    ["302", Code.Unknown],
  ])("maps HTTP %s as gRPC says", (status, code) => {
    const error = failure(() => readHead([[":status", status]]));
    expect(error.code).toBe(code);
    expect(error.kind).toBe("http");
    expect(error.rawMessage).toBe(`HTTP ${status}`);
  });

  it("knows gzip and identity, and refuses other compressions", () => {
    const head = (encoding: string): ReturnType<typeof readHead> =>
      readHead([ok, ["content-type", "application/grpc"], ["grpc-encoding", encoding]]);
    expect(head("gzip")).toEqual({ gzip: true });
    expect(head("GZIP")).toEqual({ gzip: true });
    expect(head("identity")).toEqual({ gzip: false });
    expect(failure(() => head("snappy")).rawMessage).toContain('"snappy"');
  });
});

describe("readStatus", () => {
  it("finds nothing wrong with status 0", () => {
    expect(readStatus([["grpc-status", "0"]])).toBeUndefined();
    const fields = [["grpc-status", "0"]] as const;
    expect(readStatus(fields)).toBeUndefined();
    expect(readStatus(fields)).toBeUndefined();
  });

  it("makes an error of every other status, with the server's words and all trailers", () => {
    for (let status = 1; status <= 16; status++) {
      const error = readStatus([
        ["grpc-status", String(status)],
        ["grpc-message", "etcdserver: some text"],
        ["detail", "a"],
        ["detail", "b"],
      ]);
      expect(error).toBeInstanceOf(ConnectError);
      expect(error).not.toBeInstanceOf(TransportError);
      expect(error?.code).toBe(status);
      expect(error?.rawMessage).toBe("etcdserver: some text");
      expect(error?.metadata.get("detail")).toBe("a, b");
    }
  });

  it.each(["17", "99", "100", "-1", "00", "1.5", "x", ""])("takes status %j for unknown", (status) => {
    expect(readStatus([["grpc-status", status]])?.code).toBe(Code.Unknown);
  });

  it("misses a status that is not there", () => {
    const error = readStatus([["other", "x"]]);
    expect(error).toBeInstanceOf(TransportError);
    expect(error?.code).toBe(Code.Internal);
    expect(hasStatus([["other", "x"]])).toBe(false);
    expect(hasStatus([["grpc-status", "0"]])).toBe(true);
  });

  it.each([
    ["plain", "plain"],
    ["%E4%BD%A0%E5%A5%BD", "你好"],
    ["a%20b", "a b"],
    ["100%25", "100%"],
    ["100%", "100%"],
    ["%E4%BD%A0 is 50% of it, %zz", "你 is 50% of it, %zz"],
    ["%ff%41", "\ufffdA"],
    ["", ""],
  ])("decodes the message %j", (encoded, text) => {
    expect(
      readStatus([
        ["grpc-status", "2"],
        ["grpc-message", encoded],
      ])?.rawMessage,
    ).toBe(text);
  });
});

describe("toHeaders", () => {
  it("gives all fields but HTTP/2's own, and leaves out what is no field of HTTP", () => {
    const headers = toHeaders([
      ok,
      ["content-type", "application/grpc"],
      ["key-bin", "AAEC"],
      ["twice", "1"],
      ["twice", "2"],
      ["bad name", "x"],
      ["bad-value", "a\nb"],
      ["", "x"],
    ]);
    expect([...headers]).toEqual([
      ["content-type", "application/grpc"],
      ["key-bin", "AAEC"],
      ["twice", "1, 2"],
    ]);
  });
});
