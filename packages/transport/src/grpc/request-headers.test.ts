import { describe, expect, it } from "vitest";
import { down, once } from "../../test/support/echo.js";
import { settings } from "../../test/support/frames.js";
import { collectGarbage } from "../../test/support/garbage.js";
import { ReferenceDecoder } from "../../test/support/hpack.js";
import { createManualClock, turn } from "../../test/support/manual-clock.js";
import { Wire } from "../../test/support/wire.js";
import { Http2Connection } from "../http2/connection.js";
import { type HeaderInput, RequestHeaders } from "./request-headers.js";

function connection(wire = new Wire()): Http2Connection {
  const nothing = (): void => undefined;
  return new Http2Connection(
    wire,
    { keepAlive: false, pace: { slowness: 1 }, clock: createManualClock() },
    { onReady: nothing, onDraining: nothing, onRoom: nothing, onClosed: nothing },
  );
}

function headers(overrides: Partial<ConstructorParameters<typeof RequestHeaders>[0]> = {}): RequestHeaders {
  return new RequestHeaders({
    scheme: "http",
    authority: "localhost:2379",
    userAgent: "test",
    compression: undefined,
    ...overrides,
  });
}

function fieldsOf(
  metadata: HeaderInput | undefined,
  timeoutMs?: number,
  from = headers(),
): Record<string, string> {
  const block = from.block(connection(), once, timeoutMs, metadata);
  return Object.fromEntries(new ReferenceDecoder().decode(block).fields);
}

describe("RequestHeaders", () => {
  it("says what gRPC wants to know", () => {
    expect(fieldsOf(undefined)).toEqual({
      ":method": "POST",
      ":scheme": "http",
      ":path": "/echo.Echo/Once",
      ":authority": "localhost:2379",
      te: "trailers",
      "content-type": "application/grpc+proto",
      "grpc-accept-encoding": "gzip",
      "user-agent": "test",
    });
  });

  it("puts HTTP/2's own fields first (RFC 9113, 8.3)", () => {
    const names = new ReferenceDecoder()
      .decode(headers().block(connection(), once, 1, [["x", "y"]]))
      .fields.map(([name]) => name);
    expect(names.slice(0, 4).every((name) => name.startsWith(":"))).toBe(true);
    expect(names.slice(4).some((name) => name.startsWith(":"))).toBe(false);
  });

  it("names the compression of requests when there is one", () => {
    expect(fieldsOf(undefined, undefined, headers({ compression: "gzip" }))["grpc-encoding"]).toBe("gzip");
  });

  it.each([
    [1, "1S"],
    [500, "1S"],
    [500.1, "2S"],
    [1_000, "2S"],
    [9_999, "11S"],
    [99_999_998_500, "99999999S"],
    [100_000_000_000, "27778H"],
    [Number.MAX_VALUE, "99999999H"],
    [Number.POSITIVE_INFINITY, "99999999H"],
  ])(
    "tells the server of %d ms as %s: half a second more, in whole seconds of at most eight digits",
    (timeoutMs, expected) => {
      expect(fieldsOf(undefined, timeoutMs)["grpc-timeout"]).toBe(expected);
    },
  );

  it("takes metadata as Headers, as pairs and as a record, names in lower case", () => {
    for (const metadata of [new Headers({ "Key-A": "x" }), [["Key-A", "x"]] as const, { "Key-A": "x" }]) {
      expect(fieldsOf(metadata)["key-a"]).toBe("x");
    }
  });

  it("lets the caller say who it is, once", () => {
    const block = headers().block(connection(), once, undefined, { "User-Agent": "mine" });
    const agents = new ReferenceDecoder().decode(block).fields.filter(([name]) => name === "user-agent");
    expect(agents).toEqual([["user-agent", "mine"]]);
  });

  it("leaves out what the caller has no say in", () => {
    const wrong = {
      te: "x",
      "Content-Type": "text/html",
      "grpc-timeout": "1S",
      "grpc-encoding": "snappy",
      connection: "close",
      "transfer-encoding": "chunked",
      host: "elsewhere",
    };
    expect(fieldsOf(wrong)).toEqual(fieldsOf(undefined));
  });

  it.each([
    [":path", "/elsewhere"],
    ["", "x"],
    ["with space", "x"],
    ["näme", "x"],
  ])("refuses the name %j", (name, value) => {
    expect(() => fieldsOf([[name, value]])).toThrow(TypeError);
  });

  it.each(["a\nb", "a\r", "a\0b", "漢字", "\x7f"])("refuses the value %j without showing it", (value) => {
    expect(() => fieldsOf([["name", value]])).toThrow(
      new TypeError("header: the value of name has characters that no field may have"),
    );
  });

  it("never puts tokens into the table of the connection", () => {
    const from = headers();
    const link = connection();
    const decoder = new ReferenceDecoder();
    const metadata = Object.freeze([["token", "s3cret"] as const]);
    for (let round = 0; round < 3; round++) {
      const { fields, how } = decoder.decode(from.block(link, once, undefined, metadata));
      expect(how[fields.findIndex(([name]) => name === "token")]).toBe("never");
    }
  });

  describe("with calls that differ in nothing", () => {
    it("encodes them once a connection, after the one that introduced the fields", () => {
      const from = headers();
      const link = connection();
      from.block(link, once, 10_000, undefined);
      const second = from.block(link, once, 10_000, undefined);
      expect(from.block(link, once, 10_000, undefined)).toBe(second);
      expect(from.block(link, once, 9_501, undefined)).toBe(second);
      expect(from.block(connection(), once, 10_000, undefined)).not.toBe(second);
    });

    it("keeps no connection that is gone", async () => {
      const from = headers();
      const metadata = Object.freeze([["token", "s3cret"] as const]);
      const gone = (): WeakRef<Http2Connection> => {
        const link = connection();
        for (let round = 0; round < 3; round++) from.block(link, once, 10_000, metadata);
        link.close(new Error("gone"));
        return new WeakRef(link);
      };
      const link = gone();
      await turn();
      collectGarbage();
      expect(link.deref()).toBeUndefined();
      expect(from.block(connection(), once, 10_000, metadata).length).toBeGreaterThan(0);
    });

    it("tells methods, seconds and frozen metadata apart", () => {
      const from = headers();
      const link = connection();
      const decoder = new ReferenceDecoder();
      const mine = Object.freeze([["who", "me"] as const]);
      const yours = Object.freeze([["who", "you"] as const]);
      for (let round = 0; round < 3; round++) {
        for (const [method, timeoutMs, metadata, path, timeout, who] of [
          [once, 1_000, mine, "/echo.Echo/Once", "2S", "me"],
          [down, 1_000, mine, "/echo.Echo/Down", "2S", "me"],
          [once, 2_000, mine, "/echo.Echo/Once", "3S", "me"],
          [once, undefined, mine, "/echo.Echo/Once", undefined, "me"],
          [once, 1_000, yours, "/echo.Echo/Once", "2S", "you"],
          [once, 1_000, undefined, "/echo.Echo/Once", "2S", undefined],
        ] as const) {
          const fields = Object.fromEntries(
            decoder.decode(from.block(link, method, timeoutMs, metadata)).fields,
          );
          expect([fields[":path"], fields["grpc-timeout"], fields["who"]]).toEqual([path, timeout, who]);
        }
      }
    });

    it("looks anew at metadata that may change", () => {
      const from = headers();
      const link = connection();
      const decoder = new ReferenceDecoder();
      const metadata = new Headers();
      for (const value of ["1", "2", "1"]) {
        metadata.set("round", value);
        expect(decoder.decode(from.block(link, once, undefined, metadata)).fields).toContainEqual([
          "round",
          value,
        ]);
      }
    });

    it("encodes anew what the server's table no longer holds", () => {
      const from = headers();
      const wire = new Wire();
      const link = connection(wire);
      const decoder = new ReferenceDecoder();
      for (let round = 0; round < 2; round++) decoder.decode(from.block(link, once, undefined, undefined));
      link.read(settings([1, 0]));
      decoder.limit = 0;
      for (let round = 0; round < 3; round++) {
        const { fields } = decoder.decode(from.block(link, once, undefined, undefined));
        expect(fields).toContainEqual([":path", "/echo.Echo/Once"]);
      }
      expect(decoder.updates).toEqual([0]);
    });
  });
});
