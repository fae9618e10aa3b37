import { pathToFileURL } from "node:url";
import { connect } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { makeFiles } from "../test/files.js";
import { refusal, secret } from "../test/refusal.js";
import { optionsFromFile, optionsFromYaml } from "./from-yaml.js";

/** What the text is refused with, and that it did not take long: of what grows without bound, this stands out anywhere. */
function quickRefusal(text: string): string {
  const started = performance.now();
  const { message } = refusal(() => optionsFromYaml(text));
  expect(performance.now() - started).toBeLessThan(3_000);
  return message;
}

describe("optionsFromYaml", () => {
  it("reads every key that Go's client reads", () => {
    using files = makeFiles();
    const { caFile, certFile, keyFile } = files;
    const options = optionsFromYaml(`
# written for Go
endpoints: [https://a:2379, https://b:2379]
auto-sync-interval: 60000000000
dial-timeout: 5000000000
dial-keep-alive-time: 30s
dial-keep-alive-timeout: 1m
permit-without-stream: true
MaxCallSendMsgSize: 1048576
MaxCallRecvMsgSize: 2097152
username: root
password: "${secret}"
reject-old-cluster: true
max-unary-retries: 7
backoff-wait-between: 50ms
backoff-jitter-fraction: 0.5
insecure-transport: false
insecure-skip-tls-verify: true
cert-file: ${JSON.stringify(certFile)}
key-file: ${JSON.stringify(keyFile)}
trusted-ca-file: ${JSON.stringify(caFile)}
ca-file: /ignored
`);
    expect(options).toEqual({
      endpoints: ["https://a:2379", "https://b:2379"],
      autoSyncIntervalMs: 60_000,
      dialTimeoutMs: 5_000,
      keepAlive: { intervalMs: 30_000, timeoutMs: 60_000, withoutCalls: true },
      maxSendBytes: 1_048_576,
      maxReceiveBytes: 2_097_152,
      credentials: { username: "root", password: secret },
      rejectOldCluster: true,
      retry: { maxAttempts: 7, waitMs: 50, jitter: 0.5 },
      tls: { caFile, certFile, keyFile, insecureSkipVerify: true },
    });
    expect(() => connect({ ...options, allowInsecureCredentials: true })).not.toThrow();
  });

  it("reads a token, block style, quotes, a byte order mark, JSON, and aliases of plain values", () => {
    expect(optionsFromYaml("\uFEFFtoken: a.b.c\nendpoints:\n  - 'http://a:1'\n  - \"http://b:1\"\n")).toEqual(
      {
        endpoints: ["http://a:1", "http://b:1"],
        credentials: { token: "a.b.c" },
      },
    );
    expect(optionsFromYaml('{"endpoints": ["http://a:1"], "dial-timeout": 2000000}')).toEqual({
      endpoints: ["http://a:1"],
      dialTimeoutMs: 2,
    });
    expect(optionsFromYaml("dial-timeout: &t 5s\nbackoff-wait-between: *t\nendpoints: http://a:1")).toEqual({
      endpoints: ["http://a:1"],
      dialTimeoutMs: 5_000,
      retry: { waitMs: 5_000 },
    });
  });

  it("takes 0, an empty text and no value at all for a key that is not there, as files that Go has written have", () => {
    const text = `
endpoints: null
auto-sync-interval: 0
dial-timeout: 0
MaxCallSendMsgSize: 0
TLS: null
dial-keep-alive-time: ""
username: ""
password:
max-unary-retries: 0
backoff-jitter-fraction: 0
insecure-transport: true
DialOptions: null
Context: null
Logger: null
LogConfig: null
`;
    expect(optionsFromYaml(text)).toEqual({ endpoints: [] });
  });

  it("takes the words for true and false of YAML 1.1, in which Go reads", () => {
    for (const [word, value] of [
      ["yes", true],
      ["On", true],
      ["NO", undefined],
      ["off", undefined],
    ] as const) {
      const { tls } = optionsFromYaml(`endpoints: https://a:1\ninsecure-skip-tls-verify: ${word}`);
      expect(typeof tls === "object" ? tls.insecureSkipVerify : undefined).toBe(value);
    }
  });

  it("means TLS for endpoints without a scheme unless it says insecure-transport, which wins over certificates", () => {
    expect(optionsFromYaml("endpoints: a:1")).toEqual({ endpoints: ["a:1"], tls: {} });
    expect(optionsFromYaml("endpoints: http://a:1")).toEqual({ endpoints: ["http://a:1"] });
    expect(
      optionsFromYaml("endpoints: a:1\ninsecure-transport: true\ntrusted-ca-file: /nowhere\nkey-file: /x"),
    ).toEqual({ endpoints: ["a:1"] });
  });

  it.each([
    ["endpoint: a:1", 'line 1: "endpoint": unknown key'],
    ["\n\ndial_timeout: 5s", 'line 3: "dial_timeout": unknown key; it is spelt dial-timeout'],
    ["maxCallSendMsgSize: 5", "it is spelt MaxCallSendMsgSize"],
    ["__proto__: {polluted: true}", 'line 1: "__proto__": unknown key'],
    ["constructor: 1", 'line 1: "constructor": unknown key'],
    ["toString: 1", 'line 1: "toString": unknown key'],
    ["TLS: {}", "line 1: TLS: cannot be set in a file"],
    ["dial-timeout: 5", 'a number counts nanoseconds, so this is less than 1ms; write "5s" for seconds'],
    ["dial-timeout: '5'", "line 1: dial-timeout: expected a duration with its unit"],
    ["dial-timeout: -5s", "line 1: dial-timeout: expected a duration from 1ms"],
    ["dial-timeout: -5000000000", "line 1: dial-timeout: expected a duration from 1ms"],
    ["dial-timeout: .nan", "line 1: dial-timeout: expected a duration"],
    ["dial-timeout: .inf", "line 1: dial-timeout: expected a duration"],
    ["dial-timeout: 1e30", "line 1: dial-timeout: expected a duration"],
    ["dial-timeout: 99999999h", "line 1: dial-timeout: expected a duration from 1ms"],
    ["dial-timeout: [5s]", "line 1: dial-timeout: expected a duration"],
    ["max-unary-retries: 1.5", "line 1: max-unary-retries: expected a whole number"],
    ["max-unary-retries: -1", "line 1: max-unary-retries: expected a whole number"],
    ["MaxCallSendMsgSize: 2147483648", "line 1: MaxCallSendMsgSize: expected a whole number"],
    ["backoff-jitter-fraction: 2", "line 1: backoff-jitter-fraction: expected a number from 0 to 1"],
    ["reject-old-cluster: 1", "line 1: reject-old-cluster: expected true or false"],
    ["password: 12345", "line 1: password: expected text; put it in quotes"],
    ["username: {a: b}", "line 1: username: expected text"],
    ["endpoints: {a: b}", "line 1: endpoints: expected a list of endpoints"],
    ["endpoints: [1]", "line 1: endpoints: expected a list of endpoints"],
    [`endpoints: ['http://root:${secret}@a:1']`, "line 1: endpoints: endpoint"],
    [`username: root\npassword: ${secret}\ntoken: ${secret}`, "line 3: token: user name and password"],
    [`password: ${secret}`, "line 1: password: the name of the user is missing"],
    ["username: root", "line 1: username: the password of the user is missing"],
    ["cert-file: /nowhere/cert.pem\nkey-file: /nowhere/key.pem", "line 1: cert-file: cannot read"],
    ["endpoints: a:1\nendpoints: b:1", "line 2: not YAML that can be used: duplicate key"],
    [`password: "${secret}`, "not YAML that can be used: missing char"],
    [`password ${secret}`, "line 1: expected keys and values"],
    [`- ${secret}`, "line 1: expected keys and values"],
    [`{ ${secret}`, "not YAML that can be used"],
    ["endpoints:\n\t- a:1", "line 2: not YAML that can be used: tab as indent"],
    ["endpoints: !!js/function 'x'", "line 1: not YAML that can be used: tag resolve failed"],
    [`password: !secret ${secret}`, "line 1: not YAML that can be used: tag resolve failed"],
    ["a: 1\n---\nb: 2", "not YAML that can be used: multiple docs"],
    ["? [a]\n: 1", "line 1: a key is not text"],
    ["5: a", "line 1: a key is not text"],
    ["dial-timeout: *nowhere", "line 1: dial-timeout: an alias that cannot be resolved"],
  ])("refuses %j", (text, problem) => {
    expect(quickRefusal(text)).toContain(problem);
    expect(({} as Readonly<Record<string, unknown>>)["polluted"]).toBeUndefined();
  });

  it("is not blown up by aliases of aliases", () => {
    const levels = Array.from({ length: 20 }, (_, i) => `&a${i + 1} [${`*a${i},`.repeat(10)}]`);
    expect(quickRefusal(`endpoints: [&a0 [http://a:1], ${levels.join(", ")}]`)).toMatch(/aliases|entangled/);
    const many = `dial-timeout: &t 5s\nendpoints: [${"*t,".repeat(5_000)}]`;
    expect(quickRefusal(many)).toContain("line 2: endpoints: too many aliases");
    expect(quickRefusal("endpoints: &a [*a]")).toContain("endpoints");
  });

  it("is not exhausted by depth or size", () => {
    expect(quickRefusal(`endpoints: ${"[".repeat(16_000)}`)).toContain("not YAML that can be used");
    expect(quickRefusal("a: &b c\n".repeat(100_000))).toContain("more than 16 KiB");
    expect(quickRefusal(" ".repeat(100 * 1024 * 1024))).toContain("more than 16 KiB");
  });

  it("refuses what is no text", () => {
    expect(() => optionsFromYaml(7 as never)).toThrow("text: expected a string");
  });
});

describe("optionsFromFile", () => {
  // client/v3/yaml/config_test.go:TestConfigFromFile, its five files
  it("reads an empty file, a plaintext one and one with certificates, and refuses bad certificates", () => {
    using files = makeFiles();
    const { caFile, certFile, keyFile } = files;
    const read = (text: string) => optionsFromFile(files.write("client.yaml", text));
    const pair = `endpoints: https://a:1\nkey-file: ${keyFile}\ncert-file: ${certFile}\n`;
    expect(read("")).toEqual({ endpoints: [] });
    expect(read("insecure-transport: true\nendpoints: a:1")).toEqual({ endpoints: ["a:1"] });
    expect(read(`${pair}trusted-ca-file: ${caFile}\ninsecure-skip-tls-verify: true`).tls).toEqual({
      caFile,
      certFile,
      keyFile,
      insecureSkipVerify: true,
    });
    expect(refusal(() => read("key-file: bad\ncert-file: bad")).message).toContain(
      'cannot read "bad" (ENOENT)',
    );
    expect(refusal(() => read(`${pair}trusted-ca-file: bad`))).toMatchObject({
      key: "trusted-ca-file",
      line: 4,
    });
  });

  it("takes a URL, and names the file and line of what is wrong", () => {
    using files = makeFiles();
    const file = files.write("client.yaml", "endpoints: http://a:1\nusername: 7");
    const error = refusal(() => optionsFromFile(pathToFileURL(file)));
    expect(error.message).toBe(`${file}:2: username: expected text; put it in quotes`);
    expect(error).toMatchObject({ file, line: 2, key: "username", name: "ConfigError" });
  });

  it("says which file cannot be read, and reads none that is too large", () => {
    using files = makeFiles();
    expect(refusal(() => optionsFromFile(files.missing)).message).toBe(
      `${files.missing}: cannot be read (ENOENT)`,
    );
    const large = files.write("large.yaml", `#${" ".repeat(70_000)}`);
    expect(refusal(() => optionsFromFile(large)).message).toContain(`${large}: more than 16 KiB`);
    // A device says that it has no size, and this one never ends.
    expect(refusal(() => optionsFromFile("/dev/zero")).message).toContain("/dev/zero: more than 16 KiB");
    for (const path of ["", 7, undefined]) {
      expect(() => optionsFromFile(path as never)).toThrow("file: expected a path or URL");
    }
  });
});
