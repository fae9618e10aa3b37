import { describe, expect, it } from "vitest";
import { type ConnectOptions, resolveOptions } from "./connect-options.js";

const endpoints = "localhost:2379";
const logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Resolves options that the compiler would not let through. */
function resolve(options: Readonly<Record<string, unknown>>): ReturnType<typeof resolveOptions> {
  return resolveOptions({ endpoints, ...options } as unknown as ConnectOptions);
}

describe("the options of connect", () => {
  it("refuses TLS options that no endpoint would use", () => {
    const tls = { insecureSkipVerify: false };
    expect(() => resolveOptions({ endpoints: "http://a:1", tls })).toThrow(
      new TypeError("tls: http://a:1 is plaintext and would not use it; say https:// or leave tls out"),
    );
    expect(resolveOptions({ endpoints: "a:1", tls }).endpoints[0]?.url).toBe("https://a:1");
  });

  it("have defaults for everything but the endpoints", () => {
    const resolved = resolve({});
    expect(resolved).toMatchObject({
      callTimeoutMs: 10_000,
      dialTimeoutMs: 2_000,
      keepAlive: { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false },
      retry: { maxAttempts: 100, waitMs: 25, jitter: 1 },
      balancing: "round-robin",
      connectionsPerEndpoint: 1,
      maxSendBytes: 2 * 1024 * 1024,
      maxReceiveBytes: 2 ** 31 - 1,
      allowInsecureCredentials: false,
      rejectOldCluster: false,
      healthCheck: false,
      interceptors: [],
      tls: undefined,
      credentials: undefined,
      compression: undefined,
      autoSyncIntervalMs: undefined,
    });
    expect(resolved.endpoints.map(({ url }) => url)).toEqual(["http://localhost:2379"]);
  });

  // client/v3/client_test.go:TestMaxUnaryRetries, TestBackoff, TestBackoffJitterFraction
  it("are kept as they were given", () => {
    const given = {
      callTimeoutMs: 1,
      dialTimeoutMs: 3,
      keepAlive: { intervalMs: 5_000, timeoutMs: 1, withoutCalls: true },
      retry: { maxAttempts: 7, waitMs: 0, jitter: 0.25 },
      balancing: "pick-first",
      connectionsPerEndpoint: 64,
      maxSendBytes: 1,
      maxReceiveBytes: 1,
      compression: "gzip",
      autoSyncIntervalMs: 1,
      rejectOldCluster: true,
      healthCheck: true,
    };
    expect(resolve(given)).toMatchObject(given);
    expect(resolve({ keepAlive: false }).keepAlive).toBe(false);
    expect(resolve({ callTimeoutMs: Number.POSITIVE_INFINITY }).callTimeoutMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("count as left out when they are undefined", () => {
    const names = [
      "tls",
      "credentials",
      "callTimeoutMs",
      "keepAlive",
      "retry",
      "balancing",
      "logger",
      "signal",
    ];
    const absent = Object.fromEntries(names.map((name) => [name, undefined]));
    expect(resolve(absent)).toMatchObject({
      callTimeoutMs: 10_000,
      balancing: "round-robin",
      tls: undefined,
    });
  });

  it("fill each group by itself", () => {
    expect(resolve({ retry: { jitter: 0 } }).retry).toEqual({ maxAttempts: 100, waitMs: 25, jitter: 0 });
    expect(resolve({ keepAlive: { intervalMs: 6_000 } }).keepAlive).toMatchObject({ timeoutMs: 5_000 });
  });

  it("are copied: what the caller does to them later changes nothing", () => {
    const credentials = { username: "root", password: "a" };
    const tls = { serverName: "etcd" };
    const interceptors: unknown[] = [];
    const resolved = resolve({ credentials, tls, interceptors });
    credentials.password = "b";
    tls.serverName = "other";
    interceptors.push("c");
    expect(resolved.credentials).toEqual({ username: "root", password: "a" });
    expect(resolved.tls).toEqual({ serverName: "etcd" });
    expect(resolved.interceptors).toEqual([]);
  });

  it.each([
    ["tls", 7, TypeError],
    ["tls", null, TypeError],
    ["credentials", "root:root", TypeError],
    ["credentials", null, TypeError],
    ["allowInsecureCredentials", 1, TypeError],
    ["callTimeoutMs", "10s", TypeError],
    ["callTimeoutMs", BigInt(10), TypeError],
    ["callTimeoutMs", 0, RangeError],
    ["callTimeoutMs", -1, RangeError],
    ["callTimeoutMs", 1.5, RangeError],
    ["callTimeoutMs", Number.NaN, RangeError],
    ["callTimeoutMs", 2 ** 31, RangeError],
    ["dialTimeoutMs", 0, RangeError],
    ["dialTimeoutMs", Number.POSITIVE_INFINITY, RangeError],
    ["dialTimeoutMs", null, TypeError],
    ["keepAlive", true, TypeError],
    ["keepAlive", 10_000, TypeError],
    ["retry", 3, TypeError],
    ["retry", [], TypeError],
    ["balancing", "random", TypeError],
    ["connectionsPerEndpoint", 0, RangeError],
    ["connectionsPerEndpoint", 65, RangeError],
    ["connectionsPerEndpoint", 1.5, RangeError],
    ["connectionsPerEndpoint", "1", TypeError],
    ["maxSendBytes", 0, RangeError],
    ["maxSendBytes", 2 ** 31, RangeError],
    ["maxSendBytes", "2MiB", TypeError],
    ["maxReceiveBytes", -1, RangeError],
    ["maxReceiveBytes", 2 ** 31, RangeError],
    ["compression", "brotli", TypeError],
    ["compression", true, TypeError],
    ["autoSyncIntervalMs", 0, RangeError],
    ["autoSyncIntervalMs", "1m", TypeError],
    ["rejectOldCluster", "yes", TypeError],
    ["healthCheck", null, TypeError],
    ["interceptors", () => undefined, TypeError],
    ["interceptors", ["log"], TypeError],
    ["logger", { ...logger, warn: undefined }, TypeError],
    ["logger", "stderr", TypeError],
    ["signal", "now", TypeError],
    ["signal", {}, TypeError],
    ["signal", new EventTarget(), TypeError],
    ["clock", { now: () => 0 }, TypeError],
    ["dial", {}, TypeError],
    ["transport", {}, TypeError],
  ])("name %s when it cannot be %o", (name, value, kind) => {
    expect(() => resolve({ [name]: value })).toThrow(kind);
    expect(() => resolve({ [name]: value })).toThrow(name);
  });

  it.each([
    ["keepAlive", { intervalMs: 4_999 }, "intervalMs", RangeError],
    ["keepAlive", { intervalMs: "10s" }, "intervalMs", TypeError],
    ["keepAlive", { timeoutMs: 0 }, "timeoutMs", RangeError],
    ["keepAlive", { withoutCalls: "no" }, "withoutCalls", TypeError],
    ["keepAlive", { interval: 1 }, 'unknown option "interval" of keepAlive', TypeError],
    ["retry", { maxAttempts: 0 }, "maxAttempts", RangeError],
    ["retry", { maxAttempts: 1.5 }, "maxAttempts", RangeError],
    ["retry", { waitMs: -1 }, "waitMs", RangeError],
    ["retry", { jitter: 1.1 }, "jitter", RangeError],
    ["retry", { jitter: -0.1 }, "jitter", RangeError],
    ["retry", { backoff: 1 }, 'unknown option "backoff" of retry', TypeError],
  ])("name what is wrong inside %s: %j", (name, value, text, kind) => {
    expect(() => resolve({ [name]: value })).toThrow(kind);
    expect(() => resolve({ [name]: value })).toThrow(text);
  });

  it("must be known: a misspelt one is not lost in silence", () => {
    expect(() => resolve({ timeout: 1 })).toThrow('unknown option "timeout" of connect');
    expect(() => resolve({ constructor: 1 })).toThrow('unknown option "constructor" of connect');
    const polluting = JSON.parse('{"endpoints":"a","__proto__":{"polluted":true}}') as ConnectOptions;
    expect(() => resolveOptions(polluting)).toThrow('unknown option "__proto__" of connect');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it("must be there, with endpoints", () => {
    for (const options of [undefined, null, "localhost:2379", ["localhost:2379"], {}]) {
      expect(() => resolveOptions(options as unknown as ConnectOptions)).toThrow(TypeError);
    }
    expect(() => resolve({ endpoints: [] })).toThrow("no endpoint given");
    expect(() => resolve({ endpoints: "https://a,http://b" })).toThrow("cannot mix");
  });

  it("take no request that could not be read back", () => {
    const given = { maxSendBytes: 200, maxReceiveBytes: 100 };
    expect(() => resolve(given)).toThrow(RangeError);
    expect(() => resolve(given)).toThrow("maxSendBytes (200) is larger than maxReceiveBytes (100)");
  });

  it("let maxReceiveBytes alone be smaller than the default of maxSendBytes", () => {
    expect(resolve({ maxReceiveBytes: 1_000 })).toMatchObject({ maxReceiveBytes: 1_000 });
  });
});

describe("credentials", () => {
  const user = { username: "root", password: "hunter2" };

  it("are a user with a password, a token, or where to get one", () => {
    expect(resolve({ credentials: user }).credentials).toEqual(user);
    expect(resolve({ credentials: { token: "ey.jwt" } }).credentials).toEqual({ token: "ey.jwt" });
    expect(() => resolve({ credentials: { token: async () => "ey.jwt" } })).not.toThrow();
    expect(() => resolve({ credentials: { ...user, token: undefined } })).not.toThrow();
  });

  // client/v3/client_test.go:TestNewOnlyJWTExclusivity
  it.each([
    { ...user, token: "ey.jwt" },
    { username: "root", token: "ey.jwt" },
    { password: "hunter2", token: "ey.jwt" },
    { ...user, token: async () => "ey.jwt" },
  ])("are one or the other: %j", (credentials) => {
    expect(() => resolve({ credentials })).toThrow("username/password and token are mutually exclusive");
  });

  it.each([
    [{}, "credentials.username"],
    [{ username: "root" }, "credentials.password"],
    [{ password: "hunter2" }, "credentials.username"],
    [{ username: "", password: "hunter2" }, "credentials.username"],
    [{ username: "root", password: "" }, "credentials.password"],
    [{ username: 7, password: "hunter2" }, "credentials.username"],
    [{ username: "root", password: ["hunter2"] }, "credentials.password"],
    [{ token: "" }, "credentials.token"],
    [{ token: "hunter2\r\nevil: yes" }, "credentials.token"],
    [{ token: "hunter2 " }, "credentials.token"],
    [{ token: "hünter2" }, "credentials.token"],
    [{ token: "hunter2".repeat(10_000) }, "credentials.token"],
    [{ token: 7 }, "credentials.token"],
    [{ token: null }, "credentials.token"],
    [{ user: "hunter2" }, 'unknown option "user" of credentials'],
    [JSON.parse('{"__proto__":{"token":"hunter2"}}') as object, 'unknown option "__proto__"'],
  ])("are refused by name, never by value (%#)", (credentials, text) => {
    let message = "";
    try {
      resolve({ credentials });
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      message = (error as TypeError).message;
    }
    expect(message).toContain(text);
    expect(message).not.toContain("hunter");
  });

  it.each([
    "localhost:1",
    "127.0.0.1:1",
    "127.1.2.3:1",
    "[::1]:1",
    "[0:0:0:0:0:0:0:1]:1",
    "unix:/run/etcd.sock",
    "https://etcd.example",
  ])("go to %s as it is: encrypted, or on this machine", (endpoint) => {
    expect(() => resolve({ endpoints: endpoint, credentials: user })).not.toThrow();
  });

  it.each([
    "etcd.example",
    "10.0.0.1",
    "localhost.example",
    "127.0.0.1.example",
    "[fe80::1]",
    "http://a,http://localhost",
  ])("go in plaintext to %s only on demand", (endpoint) => {
    const attempt = (more: object): unknown => resolve({ endpoints: endpoint, credentials: user, ...more });
    expect(() => attempt({})).toThrow("neither encrypted nor on this machine");
    expect(() => attempt({ allowInsecureCredentials: true })).not.toThrow();
    expect(() => attempt({ allowInsecureCredentials: false })).toThrow(TypeError);
  });

  it("go to a server that nobody verified only on demand", () => {
    const given = { endpoints: "https://etcd.example", credentials: user, tls: { insecureSkipVerify: true } };
    expect(() => resolve(given)).toThrow("insecureSkipVerify would hand them to anybody");
    expect(() => resolve({ ...given, allowInsecureCredentials: true })).not.toThrow();
    expect(() => resolve({ ...given, endpoints: "https://localhost" })).not.toThrow();
  });
});
