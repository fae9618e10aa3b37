import { connect } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { makeFiles } from "../test/files.js";
import { refusal, secret } from "../test/refusal.js";
import { optionsFromEnv } from "./from-env.js";

describe("optionsFromEnv", () => {
  it("reads every variable of etcdctl that is about its connection", () => {
    using files = makeFiles();
    const options = optionsFromEnv({
      ETCDCTL_ENDPOINTS: "https://a:2379, https://b:2379",
      ETCDCTL_DIAL_TIMEOUT: "3s",
      ETCDCTL_COMMAND_TIMEOUT: "1m30s",
      ETCDCTL_KEEPALIVE_TIME: "20s",
      ETCDCTL_KEEPALIVE_TIMEOUT: "6s",
      ETCDCTL_MAX_REQUEST_BYTES: "1048576",
      ETCDCTL_MAX_RECV_BYTES: "2147483647",
      ETCDCTL_CACERT: files.caFile,
      ETCDCTL_CERT: files.certFile,
      ETCDCTL_KEY: files.keyFile,
      ETCDCTL_USER: "root",
      ETCDCTL_PASSWORD: secret,
      ETCDCTL_INSECURE_TRANSPORT: "false",
      ETCDCTL_INSECURE_SKIP_TLS_VERIFY: "false",
    });
    expect(options).toEqual({
      endpoints: ["https://a:2379", "https://b:2379"],
      dialTimeoutMs: 3_000,
      callTimeoutMs: 90_000,
      keepAlive: { intervalMs: 20_000, timeoutMs: 6_000 },
      maxSendBytes: 1_048_576,
      maxReceiveBytes: 2_147_483_647,
      tls: { caFile: files.caFile, certFile: files.certFile, keyFile: files.keyFile },
      credentials: { username: "root", password: secret },
    });
    expect(() => connect(options)).not.toThrow();
  });

  it("takes limits of 0 bytes for the default, as etcdctl does, and refuses what is no whole number", () => {
    expect(optionsFromEnv({ ETCDCTL_MAX_REQUEST_BYTES: "0", ETCDCTL_MAX_RECV_BYTES: "0" })).toEqual({
      endpoints: ["127.0.0.1:2379"],
    });
    for (const text of ["-1", "1.5", "2MiB", "0x10", "2147483648", "99999999999999999999", secret]) {
      expect(refusal(() => optionsFromEnv({ ETCDCTL_MAX_RECV_BYTES: text })).message).toBe(
        "ETCDCTL_MAX_RECV_BYTES: expected a whole number from 0 to 2147483647",
      );
    }
  });

  it("reads the process's own environment unless it is given another", () => {
    const before = process.env["ETCDCTL_ENDPOINTS"];
    process.env["ETCDCTL_ENDPOINTS"] = "http://from-the-process:1";
    try {
      expect(optionsFromEnv()).toEqual({ endpoints: ["http://from-the-process:1"] });
    } finally {
      if (before === undefined) delete process.env["ETCDCTL_ENDPOINTS"];
      else process.env["ETCDCTL_ENDPOINTS"] = before;
    }
  });

  it("looks at 127.0.0.1:2379, in plaintext, when nothing is set, as etcdctl does", () => {
    expect(optionsFromEnv({ PATH: "/bin", HOME: "/" })).toEqual({ endpoints: ["127.0.0.1:2379"] });
    expect(optionsFromEnv({ ETCDCTL_ENDPOINTS: "", ETCDCTL_USER: "" })).toEqual({
      endpoints: ["127.0.0.1:2379"],
    });
  });

  it("takes a password from behind the user's name, up to which a colon counts", () => {
    const credentials = { username: "root", password: "pass:word" };
    expect(optionsFromEnv({ ETCDCTL_USER: "root:pass:word" })).toMatchObject({ credentials });
    expect(optionsFromEnv({ ETCDCTL_USERNAME: "root", ETCDCTL_PASSWORD: "pass:word" })).toMatchObject({
      credentials,
    });
    expect(optionsFromEnv({ ETCDCTL_USER: "root:old", ETCDCTL_PASSWORD: "new" })).toMatchObject({
      credentials: { username: "root", password: "new" },
    });
  });

  it("takes a ready token", () => {
    expect(optionsFromEnv({ ETCDCTL_AUTH_JWT_TOKEN: "a.b.c" })).toMatchObject({
      credentials: { token: "a.b.c" },
    });
    const both = { ETCDCTL_AUTH_JWT_TOKEN: secret, ETCDCTL_USER: `root:${secret}` };
    expect(refusal(() => optionsFromEnv(both)).message).toBe(
      "ETCDCTL_AUTH_JWT_TOKEN: user name and password are given too; a token stands alone",
    );
  });

  it("speaks TLS to endpoints without a scheme when told to, and never to http://", () => {
    const secure = { ETCDCTL_INSECURE_TRANSPORT: "false" };
    expect(optionsFromEnv(secure)).toEqual({ endpoints: ["127.0.0.1:2379"], tls: {} });
    expect(optionsFromEnv({ ...secure, ETCDCTL_ENDPOINTS: "http://a:1" })).toEqual({
      endpoints: ["http://a:1"],
    });
    expect(optionsFromEnv({ ETCDCTL_INSECURE_SKIP_TLS_VERIFY: "true" })).toMatchObject({
      tls: { insecureSkipVerify: true },
    });
  });

  it("pings no more often than a connection may", () => {
    expect(optionsFromEnv({ ETCDCTL_KEEPALIVE_TIME: "2s" })).toMatchObject({
      keepAlive: { intervalMs: 5_000 },
    });
  });

  it("passes over what etcdctl reads for itself", () => {
    const env = { ETCDCTL_API: "3", ETCDCTL_DEBUG: "true", ETCDCTL_HEX: "1", ETCDCTL_WRITE_OUT: "json" };
    expect(optionsFromEnv(env)).toEqual({ endpoints: ["127.0.0.1:2379"] });
  });

  it.each([
    [{ ETCDCTL_ENDPOINT: "a:1" }, "ETCDCTL_ENDPOINT: unknown variable"],
    [{ ETCDCTL_endpoints: "a:1" }, "ETCDCTL_endpoints: unknown variable"],
    [{ "ETCDCTL_DIAL-TIMEOUT": "5s" }, "ETCDCTL_DIAL-TIMEOUT: unknown variable"],
    [{ ETCDCTL___PROTO__: "x" }, "ETCDCTL___PROTO__: unknown variable"],
    [{ ETCDCTL_CONSTRUCTOR: "x" }, "ETCDCTL_CONSTRUCTOR: unknown variable"],
    [{ ETCDCTL_DISCOVERY_SRV: "example.com" }, "endpoints cannot be discovered by DNS"],
    [{ ETCDCTL_ENDPOINTS: "a:1,,b:1" }, "ETCDCTL_ENDPOINTS: endpoint"],
    [{ ETCDCTL_ENDPOINTS: `http://root:${secret}@a:1` }, "ETCDCTL_ENDPOINTS: endpoint"],
    [{ ETCDCTL_DIAL_TIMEOUT: "5" }, "ETCDCTL_DIAL_TIMEOUT: expected a duration with its unit"],
    [{ ETCDCTL_DIAL_TIMEOUT: secret }, "ETCDCTL_DIAL_TIMEOUT: expected a duration"],
    [{ ETCDCTL_COMMAND_TIMEOUT: "0" }, "ETCDCTL_COMMAND_TIMEOUT: expected a duration from 1ms"],
    [{ ETCDCTL_COMMAND_TIMEOUT: "-5s" }, "ETCDCTL_COMMAND_TIMEOUT: expected a duration from 1ms"],
    [{ ETCDCTL_COMMAND_TIMEOUT: "10000h" }, "ETCDCTL_COMMAND_TIMEOUT: expected a duration from 1ms"],
    [{ ETCDCTL_INSECURE_TRANSPORT: "yes" }, "ETCDCTL_INSECURE_TRANSPORT: expected true or false"],
    [{ ETCDCTL_USER: "root" }, "ETCDCTL_USER: the password of the user is missing"],
    [{ ETCDCTL_USER: "root:" }, "ETCDCTL_USER: the password of the user is missing"],
    [{ ETCDCTL_USER: `:${secret}` }, "ETCDCTL_USER: the name of the user is missing"],
    [{ ETCDCTL_PASSWORD: secret }, "ETCDCTL_PASSWORD: the name of the user is missing"],
  ])("refuses %j", (env, problem) => {
    expect(refusal(() => optionsFromEnv(env)).message).toContain(problem);
  });

  it("says which file is wrong, and what is wrong with it", () => {
    using files = makeFiles();
    const { caFile, certFile, keyFile, otherKeyFile, missing } = files;
    const bad = files.write("bad.pem", `-----BEGIN CERTIFICATE-----\n${secret}\n-----END CERTIFICATE-----\n`);
    const pair = { ETCDCTL_CERT: certFile, ETCDCTL_KEY: keyFile };
    const problems: readonly [Readonly<Record<string, string>>, string][] = [
      [{ ETCDCTL_CACERT: missing }, `ETCDCTL_CACERT: cannot read ${JSON.stringify(missing)} (ENOENT)`],
      [{ ETCDCTL_CACERT: keyFile }, `ETCDCTL_CACERT: ${JSON.stringify(keyFile)} holds no certificate in PEM`],
      [{ ETCDCTL_CACERT: bad }, `ETCDCTL_CACERT: ${JSON.stringify(bad)} holds no certificate in PEM`],
      [{ ETCDCTL_CERT: certFile }, "ETCDCTL_CERT: a certificate and its key belong together; the key"],
      [{ ETCDCTL_KEY: keyFile }, "ETCDCTL_KEY: a certificate and its key belong together; the certificate"],
      [{ ...pair, ETCDCTL_KEY: otherKeyFile }, "ETCDCTL_KEY: the key is not that of the certificate"],
      [{ ...pair, ETCDCTL_KEY: caFile }, `ETCDCTL_KEY: ${JSON.stringify(caFile)} holds no private key`],
    ];
    for (const [env, problem] of problems) {
      const error = refusal(() => optionsFromEnv(env));
      expect(error.message).toContain(problem);
      expect(error.key).toMatch(/^ETCDCTL_/);
    }
  });
});
