import { describe, expect, it } from "vitest";
import { address } from "../test/support/address.js";
import { transports } from "../test/support/linked.js";
import { createHttp2Transport } from "./http2-transport.js";
import { resolveTransportOptions, type TransportOptions } from "./transport-options.js";

const endpoint = address("http://localhost:2379");
const target = { host: "localhost", port: 2379 };

/** Options as a program without types might pass them. */
const wrong = (options: object): TransportOptions => ({ endpoint, ...options }) as TransportOptions;

describe("transport options", () => {
  it("have defaults for all but the endpoint", () => {
    expect(resolveTransportOptions({ endpoint })).toMatchObject({
      endpoint,
      keepAlive: { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false },
      maxSendBytes: 2 ** 31 - 1,
      maxReceiveBytes: 2 ** 31 - 1,
      compression: undefined,
      userAgent: "grpc-node-etcdkit",
    });
    expect(resolveTransportOptions({ endpoint, keepAlive: false }).keepAlive).toBe(false);
  });

  it.each([
    [{ endpoint: undefined }, TypeError, "endpoint:"],
    [{ endpoint: "localhost:2379" }, TypeError, "endpoint:"],
    [{ endpoint: { ...endpoint, target: undefined } }, TypeError, "endpoint.target:"],
    [{ endpoint: { ...endpoint, target: { path: "" } } }, TypeError, "endpoint.target.path:"],
    [{ endpoint: { ...endpoint, target: { ...target, host: "" } } }, TypeError, "endpoint.target.host:"],
    [{ endpoint: { ...endpoint, target: { ...target, port: "2379" } } }, TypeError, "endpoint.target.port:"],
    [{ endpoint: { ...endpoint, target: { ...target, port: 0 } } }, RangeError, "endpoint.target.port:"],
    [{ endpoint: { ...endpoint, target: { ...target, port: 65_536 } } }, RangeError, "endpoint.target.port:"],
    [{ endpoint: { ...endpoint, tls: undefined } }, TypeError, "endpoint.tls:"],
    [{ endpoint: { ...endpoint, authority: "a\r\nb: c" } }, TypeError, "endpoint.authority:"],
    [{ endpoint: { ...endpoint, serverName: undefined } }, TypeError, "endpoint.serverName:"],
    [{ tls: {} }, TypeError, "tls:"],
    [{ dial: {} }, TypeError, "dial:"],
    [{ keepAlive: true }, TypeError, "keepAlive:"],
    [{ keepAlive: { intervalMs: 10_000, withoutCalls: false } }, TypeError, "keepAlive.timeoutMs:"],
    [
      { keepAlive: { intervalMs: Number.NaN, timeoutMs: 1, withoutCalls: false } },
      RangeError,
      "keepAlive.intervalMs:",
    ],
    [{ keepAlive: { intervalMs: 1, timeoutMs: 1 } }, TypeError, "keepAlive.withoutCalls:"],
    [{ maxSendBytes: "1" }, TypeError, "maxSendBytes:"],
    [{ maxSendBytes: 0 }, RangeError, "maxSendBytes:"],
    [{ maxReceiveBytes: 1.5 }, RangeError, "maxReceiveBytes:"],
    [{ maxReceiveBytes: 2 ** 32 }, RangeError, "maxReceiveBytes:"],
    [{ compression: "br" }, TypeError, "compression:"],
    [{ userAgent: "" }, TypeError, "userAgent:"],
    [{ userAgent: "a\nb" }, TypeError, "userAgent:"],
    [{ clock: { now: () => 0 } }, TypeError, "clock:"],
  ])("are refused by name: %o", (options, kind, name) => {
    for (const [, make] of transports) {
      const attempt = (): unknown => make(wrong(options));
      expect(attempt).toThrow(kind);
      expect(attempt).toThrow(name);
    }
  });

  it("are refused where there are none", () => {
    expect(() => resolveTransportOptions(undefined as unknown as TransportOptions)).toThrow("options:");
  });

  it("include a codec where the transport has codecs", () => {
    const codec = {} as unknown as () => undefined;
    expect(() => createHttp2Transport({ endpoint, codec })).toThrow(
      new TypeError("codec: expected a function"),
    );
  });
});
