import { utf8 } from "@etcdkit/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Endpoint } from "./endpoint.js";
import { decodeEndpoint, encodeEndpoint } from "./endpoint-json.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("the JSON of an endpoint", () => {
  it("has the members that Go's client writes", () => {
    expect(encodeEndpoint({ address: "127.0.0.1:2000" }, "endpoint")).toBe(
      '{"Op":0,"Addr":"127.0.0.1:2000","Metadata":null}',
    );
    expect(encodeEndpoint({ address: "a:1", metadata: { zone: ["b", 1, true] } }, "endpoint")).toBe(
      '{"Op":0,"Addr":"a:1","Metadata":{"zone":["b",1,true]}}',
    );
  });

  it("comes back as it went", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.jsonValue(), (address, value) => {
        const metadata = JSON.parse(JSON.stringify(value)) as Endpoint["metadata"];
        const endpoint = metadata === null ? { address } : { address, metadata };
        expect(decodeEndpoint(bytes(encodeEndpoint({ address, metadata }, "endpoint")))).toEqual(endpoint);
      }),
    );
  });

  it.each([
    ["without Op and Metadata", '{"Addr":"a:1"}', { address: "a:1" }],
    ["in another order", '{"Metadata":7,"Addr":"a:1","Op":0}', { address: "a:1", metadata: 7 }],
    ["in another case", '{"op":0,"ADDR":"a:1","metaData":"m"}', { address: "a:1", metadata: "m" }],
    ["with members that nobody knows", '{"Addr":"a:1","Weight":3,"__proto__":{}}', { address: "a:1" }],
    ["with a member twice", '{"Addr":"a:1","addr":"b:2"}', { address: "b:2" }],
    ["with an operation that is never stored", '{"Op":1,"Addr":"a:1"}', { address: "a:1" }],
    ["with white space", ' { "Addr" : "a:1" } ', { address: "a:1" }],
  ])("is read %s", (_how, text, endpoint) => {
    expect(decodeEndpoint(bytes(text))).toEqual(endpoint);
  });

  it.each([
    "",
    "a:1",
    "{",
    "null",
    "[]",
    '"a:1"',
    "{}",
    '{"Addr":""}',
    '{"Addr":5}',
    '{"Addr":null}',
    '{"Addr":["a:1"]}',
  ])("is not guessed from %j", (text) => {
    expect(() => decodeEndpoint(bytes(text))).toThrow();
  });

  it("is not guessed from what is no UTF-8, and the value stays out of the error", () => {
    expect(() => decodeEndpoint(new Uint8Array([0xff]))).toThrow(TypeError);
    const secret = "s3cret";
    expect(() => decodeEndpoint(bytes(`{"Addr":7,"Metadata":"${secret}"}`))).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(secret) }),
    );
  });

  it("is refused for what cannot be expressed", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    for (const [endpoint, message] of [
      [undefined, "endpoint must be an object"],
      [{ address: "" }, "endpoint.address must be a string that is not empty"],
      [{ address: 5 }, "endpoint.address must be a string that is not empty"],
      [{ address: "http://a:1" }, "endpoint.address must be host:port or unix:path, not a URL"],
      [{ address: "dns:///a:1" }, "endpoint.address must be host:port or unix:path, not a URL"],
      [{ address: "a:1", metadata: circle }, "endpoint.metadata cannot be expressed as JSON"],
      [{ address: "a:1", metadata: 1n }, "endpoint.metadata cannot be expressed as JSON"],
      [{ address: "a:1", metadata: () => 1 }, "endpoint.metadata cannot be expressed as JSON"],
    ] as const) {
      expect(() => encodeEndpoint(endpoint as unknown as Endpoint, "endpoint")).toThrow(
        new TypeError(message),
      );
    }
  });

  it.each(["unix:/run/a.sock", "unix:///run/a.sock", "unix:a.sock"])("may be of a socket: %s", (address) => {
    expect(decodeEndpoint(bytes(encodeEndpoint({ address }, "endpoint")))).toEqual({ address });
  });

  it("is read as it is where others have stored a URL", () => {
    expect(decodeEndpoint(bytes('{"Op":0,"Addr":"http://a:1"}'))).toEqual({ address: "http://a:1" });
  });

  it("is UTF-8 whatever the address holds", () => {
    const value = encodeEndpoint({ address: 'größe"\\:1' }, "endpoint");
    expect(utf8(bytes(value))).toBe(value);
  });
});
