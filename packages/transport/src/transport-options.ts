import { type Clock, systemClock } from "./clock.js";
import type { Address, DialOptions } from "./dial.js";
import type { KeepaliveTimes } from "./keepalive.js";

/** How gRPC to one endpoint behaves. Only `endpoint` is needed. */
export interface TransportOptions extends DialOptions {
  /** Where the server listens. */
  readonly endpoint: Address;
  /** When a silent link counts as dead; `false` never pings. Default: 10 s of silence, then 5 s for the answer. */
  readonly keepAlive?: KeepaliveTimes | false | undefined;
  /** Largest request, in bytes, 1 to 2^32-1. One that is larger is not sent at all. Default 2^31-1. */
  readonly maxSendBytes?: number | undefined;
  /** Largest message of an answer, in bytes, 1 to 2^32-1. Default 2^31-1. */
  readonly maxReceiveBytes?: number | undefined;
  /** Compresses requests. Answers may be compressed in any case. Default: requests are sent as they are. */
  readonly compression?: "gzip" | undefined;
  /** Default `grpc-node-etcdkit`. */
  readonly userAgent?: string | undefined;
  /** Time, for tests. */
  readonly clock?: Clock | undefined;
}

/** {@link TransportOptions} with defaults filled in. */
export interface ResolvedTransportOptions extends DialOptions {
  readonly endpoint: Address;
  readonly keepAlive: KeepaliveTimes | false;
  readonly maxSendBytes: number;
  readonly maxReceiveBytes: number;
  readonly compression: "gzip" | undefined;
  readonly userAgent: string;
  readonly clock: Clock;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws `TypeError` or `RangeError` that names the option.
 */
export function resolveTransportOptions(options: TransportOptions): ResolvedTransportOptions {
  check(isObject(options), "options", "an object");
  const { endpoint, tls, dial, keepAlive, maxSendBytes, maxReceiveBytes, compression, userAgent, clock } =
    options;
  checkAddress(endpoint);
  check(tls === undefined || typeof tls === "function", "tls", "a function");
  check(dial === undefined || typeof dial === "function", "dial", "a function");
  if (keepAlive !== undefined && keepAlive !== false) checkTimes(keepAlive);
  if (maxSendBytes !== undefined) checkBytes(maxSendBytes, "maxSendBytes");
  if (maxReceiveBytes !== undefined) checkBytes(maxReceiveBytes, "maxReceiveBytes");
  check(compression === undefined || compression === "gzip", "compression", '"gzip"');
  check(userAgent === undefined || isFieldValue(userAgent), "userAgent", "visible ASCII characters");
  check(clock === undefined || isClock(clock), "clock", "an object with now and setTimer");
  return {
    endpoint,
    tls,
    dial,
    keepAlive: keepAlive ?? { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false },
    maxSendBytes: maxSendBytes ?? 2 ** 31 - 1,
    maxReceiveBytes: maxReceiveBytes ?? 2 ** 31 - 1,
    compression,
    userAgent: userAgent ?? "grpc-node-etcdkit",
    clock: clock ?? systemClock,
  };
}

function checkAddress(address: Address): void {
  check(isObject(address), "endpoint", "an object");
  const { target, tls, authority, serverName } = address;
  check(isObject(target), "endpoint.target", "an object");
  if ("path" in target) {
    check(typeof target.path === "string" && target.path !== "", "endpoint.target.path", "a path");
  } else {
    const { host, port } = target;
    check(typeof host === "string" && host !== "", "endpoint.target.host", "a host name or address");
    check(typeof port === "number", "endpoint.target.port", "a number");
    checkRange(Number.isInteger(port) && port >= 1 && port <= 65_535, "endpoint.target.port", "1 to 65535");
  }
  check(typeof tls === "boolean", "endpoint.tls", "a boolean");
  check(isFieldValue(authority), "endpoint.authority", "visible ASCII characters");
  check(typeof serverName === "string", "endpoint.serverName", "a string");
}

function checkTimes(times: KeepaliveTimes): void {
  check(isObject(times), "keepAlive", "false, or an object");
  for (const name of ["intervalMs", "timeoutMs"] as const) {
    check(typeof times[name] === "number", `keepAlive.${name}`, "a number");
    checkRange(times[name] >= 1, `keepAlive.${name}`, "at least 1");
  }
  check(typeof times.withoutCalls === "boolean", "keepAlive.withoutCalls", "a boolean");
}

function checkBytes(bytes: number, name: string): void {
  check(typeof bytes === "number", name, "a number");
  checkRange(
    Number.isInteger(bytes) && bytes >= 1 && bytes <= 2 ** 32 - 1,
    name,
    "a whole number from 1 to 2^32-1",
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** What may stand in a header field, as far as that is needed here (RFC 9110, 5.5). */
function isFieldValue(value: unknown): boolean {
  return typeof value === "string" && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);
}

function isClock(value: unknown): boolean {
  return (
    isObject(value) &&
    "now" in value &&
    typeof value.now === "function" &&
    "setTimer" in value &&
    typeof value.setTimer === "function"
  );
}

function check(holds: boolean, name: string, expected: string): void {
  if (!holds) throw new TypeError(`${name}: expected ${expected}`);
}

function checkRange(holds: boolean, name: string, expected: string): void {
  if (!holds) throw new RangeError(`${name}: expected ${expected}`);
}
