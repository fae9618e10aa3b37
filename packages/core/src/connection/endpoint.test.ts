import { describe, expect, it } from "vitest";
import { parseEndpoint, parseEndpoints } from "./endpoint.js";

/** The message that something is refused with. */
function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as TypeError).message;
  }
  throw new Error("expected a TypeError");
}

describe("parseEndpoint", () => {
  // client/v3/internal/endpoint/endpoint_test.go:Test_interpret. TLS is what the scheme asks for; `undefined` where it
  // follows the connection. Of ours: a missing port is etcd's 2379, and every endpoint has one canonical URL.
  it.each([
    ["127.0.0.1", "127.0.0.1:2379", "127.0.0.1:2379", undefined],
    ["localhost", "localhost:2379", "localhost:2379", undefined],
    ["localhost:8080", "localhost:8080", "localhost:8080", undefined],
    ["etcd.io", "etcd.io:2379", "etcd.io:2379", undefined],
    [
      "[2001:db8:1f70::999:de8:7648:6e8]:100",
      "2001:db8:1f70:0:999:de8:7648:6e8:100",
      "[2001:db8:1f70:0:999:de8:7648:6e8]:100",
      undefined,
    ],
    ["unix:127.0.0.1", "127.0.0.1", "127.0.0.1", undefined],
    ["unix:127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", undefined],
    ["unix://127.0.0.1", "127.0.0.1", "127.0.0.1", undefined],
    ["unix://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", undefined],
    ["unix:///tmp/abc", "/tmp/abc", "abc", undefined],
    ["unix:///tmp/abc:1234", "/tmp/abc:1234", "abc:1234", undefined],
    [
      "unix:unexpected-file_name#123$456",
      "unexpected-file_name#123$456",
      "unexpected-file_name#123$456",
      undefined,
    ],
    ["unixs:127.0.0.1", "127.0.0.1", "127.0.0.1", true],
    ["unixs:127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", true],
    ["unixs://127.0.0.1", "127.0.0.1", "127.0.0.1", true],
    ["unixs://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", true],
    ["unixs:///tmp/abc", "/tmp/abc", "abc", true],
    ["unixs:///tmp/abc:1234", "/tmp/abc:1234", "abc:1234", true],
    ["http://127.0.0.1", "127.0.0.1:2379", "127.0.0.1:2379", false],
    ["http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", false],
    ["http://etcd.io/abc", "etcd.io:2379", "etcd.io:2379", false],
    [
      "http://[2001:db8:1f70::999:de8:7648:6e8]:100/",
      "2001:db8:1f70:0:999:de8:7648:6e8:100",
      "[2001:db8:1f70:0:999:de8:7648:6e8]:100",
      false,
    ],
    ["https://127.0.0.1", "127.0.0.1:2379", "127.0.0.1:2379", true],
    ["https://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", true],
    ["https://localhost:20000", "localhost:20000", "localhost:20000", true],
  ])("reads %s", (text, dialled, authority, tls) => {
    for (const byDefault of [false, true]) {
      const endpoint = parseEndpoint(text, byDefault);
      const { target } = endpoint;
      expect("path" in target ? target.path : `${target.host}:${target.port}`).toBe(dialled);
      expect(endpoint.authority).toBe(authority);
      expect(endpoint.tls).toBe(tls ?? byDefault);
      // The canonical spelling names the same endpoint again, whatever the connection does by default.
      expect(parseEndpoint(endpoint.url, endpoint.tls)).toEqual(endpoint);
    }
  });

  // client/v3/internal/endpoint/endpoint_test.go:Test_extractHostFromHostPort
  it.each([
    ["localhost", "localhost"],
    ["localhost:8080", "localhost"],
    ["192.158.7.14:8080", "192.158.7.14"],
    ["192.158.7.14", "192.158.7.14"],
    ["[2001:db8:1f70:0:999:de8:7648:6e8]", "2001:db8:1f70:0:999:de8:7648:6e8"],
    ["[2001:db8:1f70:0:999:de8:7648:6e8]:100", "2001:db8:1f70:0:999:de8:7648:6e8"],
    ["unixs:/tmp/etcd.example:1234", "etcd.example"],
  ])("verifies the certificate of %s against %s", (text, name) => {
    expect(parseEndpoint(text, true).serverName).toBe(name);
  });

  it("gives an endpoint one spelling", () => {
    expect(parseEndpoint("HOST.example", false).url).toBe("http://host.example:2379");
    expect(parseEndpoint("https://host.example:2379/any/path", false).url).toBe("https://host.example:2379");
    expect(parseEndpoint("[0:0:0:0:0:0:0:1]:1", false).url).toBe("http://[::1]:1");
    expect(parseEndpoint("unix:///run/etcd.sock", false).url).toBe("unix:/run/etcd.sock");
    expect(parseEndpoint("unix:/run/etcd.sock", true).url).toBe("unixs:/run/etcd.sock");
  });

  it("calls a socket whose name cannot be a header value localhost", () => {
    expect(parseEndpoint("unix:/run/ëtcd.sock", false).authority).toBe("localhost");
  });

  it.each([
    ["", "empty"],
    ["host name:2379", "white space"],
    ["host\n:2379", "white space or control characters"],
    ["http://host\r\nevil: header", "white space or control characters"],
    ["host\u0000", "control characters"],
    ["host:0", "from 1 to 65535"],
    ["host:65536", "from 1 to 65535"],
    ["host:", "from 1 to 65535"],
    ["host:-1", "from 1 to 65535"],
    ["host:1e3", "from 1 to 65535"],
    ["host:123456", "from 1 to 65535"],
    ["javascript:alert(1)", "the port must be a number"],
    ["javascript://host", "unknown scheme"],
    ["dns://something-other", "unknown scheme"],
    ["ftp://host:21", "unknown scheme"],
    ["HTTP://host", "unknown scheme"],
    ["http://", "not a host name"],
    ["http:///path", "not a host name"],
    [":2379", "not a host name"],
    ["bücher.example:2379", "not a host name"],
    ["host%00.example", "not a host name"],
    ["host.example.", "not a host name"],
    ["host..example", "not a host name"],
    ["-host", "not a host name"],
    [`${"a".repeat(64)}.example`, "not a host name"],
    [Array.from({ length: 130 }, () => "ab").join("."), "not a host name"],
    ["::1", "not host:port; an IPv6 address stands in brackets"],
    ["[::1", "not host:port"],
    ["[::1]x", "not host:port"],
    ["[fe80::1%eth0]:2379", "not a host name"],
    ["[1.2.3.4]:2379", "not a host name"],
    ["[]:2379", "not a host name"],
    ["http://host?x=1", 'endpoint "http://host": a query or fragment'],
    ["http://host/#x", 'endpoint "http://host/": a query or fragment'],
    ["http://user@host:1?x=1", 'endpoint "host:1": a query or fragment'],
    ["http://host?x=@", "endpoint: a query or fragment"],
    ["http://user@host:1", 'endpoint "host:1": user name and password'],
    ["unix:", "names no socket"],
    ["unix:///", "names no socket"],
    ["unix:/run/", "names no socket"],
  ])("refuses %j and says why: %s", (text, why) => {
    expect(refusal(() => parseEndpoint(text, false))).toContain(why);
  });

  it("refuses what is not a string", () => {
    for (const value of [undefined, null, 7, {}, ["a"]]) {
      expect(refusal(() => parseEndpoint(value as unknown as string, false))).toContain("expected a string");
    }
  });

  it.each([
    "http://root:hunter2@host:2379",
    "https://root:hunter2@host:2379/path",
    "root:hunter2@host",
    "dns://root:hunter2@host",
    "http://root:hunter2@host name",
    "http://root:hunter2@host\n",
    "http://root:hunter2@host?x",
    "http://root:hunter2@host:99999",
    "http://root:hunt@er2@host",
    "http://root:hunter2/x@host:0",
    "http://root:hun#ter2@host",
    "http://host?password=hunter2",
    "http://host/#hunter2@",
  ])("never repeats a user name or password: %j", (text) => {
    const message = refusal(() => parseEndpoint(text, false));
    expect(message).not.toMatch(/hunt|root|er2/);
  });
});

describe("parseEndpoints", () => {
  const urls = (list: string | readonly string[], tls = false): readonly string[] =>
    parseEndpoints(list, tls).map((endpoint) => endpoint.url);

  it("takes one string, several separated by commas, or an array", () => {
    expect(urls("a")).toEqual(["http://a:2379"]);
    expect(urls("a:1, http://b:2,[::1]:3")).toEqual(["http://a:1", "http://b:2", "http://[::1]:3"]);
    expect(urls(["a:1", "b:2"], true)).toEqual(["https://a:1", "https://b:2"]);
  });

  it("folds endpoints that are named twice, in whatever spelling", () => {
    expect(urls(["a", "A:2379", "http://a:2379/", "b", "a"])).toEqual(["http://a:2379", "http://b:2379"]);
    expect(urls("[::1],[0:0::1]")).toEqual(["http://[::1]:2379"]);
  });

  it("refuses an empty list, an empty entry, and what is no list", () => {
    expect(refusal(() => parseEndpoints([], false))).toContain("no endpoint given");
    expect(refusal(() => parseEndpoints("", false))).toContain("empty");
    expect(refusal(() => parseEndpoints("a,", false))).toContain("empty");
    for (const value of [undefined, null, 7, {}, new Set(["a"])]) {
      expect(refusal(() => parseEndpoints(value as unknown as string, false))).toContain(
        "endpoints: expected",
      );
    }
  });

  it("refuses to mix TLS and plaintext, and names one of each", () => {
    const message = refusal(() => parseEndpoints(["https://a", "http://b", "https://c"], false));
    expect(message).toContain("https://a:2379 uses TLS and http://b:2379 does not");
    expect(() => parseEndpoints(["https://a", "b"], false)).toThrow("cannot mix");
    expect(() => parseEndpoints(["unix:/run/x", "unixs:/run/y"], false)).toThrow("cannot mix");
    expect(urls(["https://a", "b"], true)).toEqual(["https://a:2379", "https://b:2379"]);
  });

  it("reads ten thousand endpoints", () => {
    const many = Array.from({ length: 10_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    expect(parseEndpoints(many, false)).toHaveLength(10_000);
  });
});
