import { describe, expect, it } from "vitest";
import { makeFiles } from "../test/files.js";
import { refusal, secret } from "../test/refusal.js";
import { loadOptions } from "./load-options.js";

const plain = "insecure-transport: true\n";

describe("loadOptions", () => {
  it("lets flags win over the environment, and that over the file, setting by setting", () => {
    using files = makeFiles();
    const file = files.write(
      "client.yaml",
      `${plain}endpoints: file:1\ndial-timeout: 1s\ndial-keep-alive-time: 30s\nmax-unary-retries: 3`,
    );
    const env = { ETCDCTL_DIAL_TIMEOUT: "2s", ETCDCTL_ENDPOINTS: "env:1", ETCDCTL_COMMAND_TIMEOUT: "7s" };
    expect(loadOptions({ file, env, args: ["--endpoints=flag:1", "--keepalive-timeout=9s"] })).toEqual({
      endpoints: ["flag:1"],
      dialTimeoutMs: 2_000,
      callTimeoutMs: 7_000,
      keepAlive: { intervalMs: 30_000, timeoutMs: 9_000 },
      retry: { maxAttempts: 3 },
    });
  });

  it("needs no source, and looks at 127.0.0.1:2379 when none names endpoints", () => {
    using files = makeFiles();
    expect(loadOptions({ env: {} })).toEqual({ endpoints: ["127.0.0.1:2379"] });
    expect(loadOptions({ env: {}, file: files.write("empty.yaml", plain) })).toEqual({
      endpoints: ["127.0.0.1:2379"],
    });
  });

  it("puts the password of one source to the user of another", () => {
    expect(loadOptions({ env: { ETCDCTL_PASSWORD: secret }, args: ["--user=root"] })).toMatchObject({
      credentials: { username: "root", password: secret },
    });
    // The name brings its own.
    expect(loadOptions({ env: { ETCDCTL_PASSWORD: secret }, args: ["--user=root:own"] })).toMatchObject({
      credentials: { username: "root", password: "own" },
    });
  });

  it("puts no password that stands behind a name to another name", () => {
    const missing = refusal(() =>
      loadOptions({ env: { ETCDCTL_USER: `root:${secret}` }, args: ["--user=ann"] }),
    );
    expect(missing.message).toBe("--user: the password of the user is missing");
    const env = { ETCDCTL_USER: "root:old", ETCDCTL_PASSWORD: secret };
    expect(loadOptions({ env, args: ["--user=ann"] })).toMatchObject({
      credentials: { username: "ann", password: secret },
    });
    expect(loadOptions({ env: { ETCDCTL_USER: "root:old" }, args: [`--password=${secret}`] })).toMatchObject({
      credentials: { username: "root", password: secret },
    });
  });

  it("replaces a token by a user, and a user by a token", () => {
    using files = makeFiles();
    const token = files.write("token.yaml", `${plain}token: a.b`);
    const user = files.write("user.yaml", `${plain}username: ann\npassword: old`);
    const args = ["--user=bob:new"];
    const { credentials } = loadOptions({ file: token, env: {}, args });
    expect(credentials).toEqual({ username: "bob", password: "new" });
    expect(loadOptions({ file: user, env: { ETCDCTL_AUTH_JWT_TOKEN: "c.d" } }).credentials).toEqual({
      token: "c.d",
    });
  });

  it("drops the certificates of lower sources when plaintext is asked for, and brings them back when named again", () => {
    using files = makeFiles();
    const { caFile } = files;
    const file = files.write("tls.yaml", `endpoints: a:1\ntrusted-ca-file: ${caFile}`);
    expect(loadOptions({ file, env: {} }).tls).toEqual({ caFile });
    expect(loadOptions({ file, env: {}, args: ["--insecure-transport"] }).tls).toBeUndefined();
    const env = { ETCDCTL_INSECURE_TRANSPORT: "true" };
    expect(loadOptions({ file, env, args: ["--cacert", caFile] }).tls).toEqual({ caFile });
  });

  it("means TLS by default where the file says nothing else, and plaintext where there is no file", () => {
    using files = makeFiles();
    const file = files.write("client.yaml", "dial-timeout: 1s");
    expect(loadOptions({ file, env: {}, args: ["--endpoints=a:1"] }).tls).toEqual({});
    expect(loadOptions({ env: {}, args: ["--endpoints=a:1"] }).tls).toBeUndefined();
  });

  it("names the source of what cannot be used", () => {
    using files = makeFiles();
    const file = files.write("client.yaml", `endpoints: a:1\npassword: ${secret}`);
    expect(refusal(() => loadOptions({ file, env: {} })).message).toBe(
      `${file}:2: password: the name of the user is missing`,
    );
    const { certFile, otherKeyFile } = files;
    const cert = files.write("cert.yaml", `cert-file: ${certFile}`);
    const env = { ETCDCTL_KEY: otherKeyFile };
    expect(refusal(() => loadOptions({ file: cert, env })).key).toBe("ETCDCTL_KEY");
  });

  it("refuses sources that it does not know", () => {
    expect(() => loadOptions({ argv: [] } as never)).toThrow('unknown option "argv" of loadOptions');
    expect(() => loadOptions({ env: 7 } as never)).toThrow("env: expected an object");
    expect(() => loadOptions({ args: "x" } as never)).toThrow("args: expected an array of strings");
    expect(() => loadOptions({ file: 7 } as never)).toThrow("file: expected a path or URL");
  });
});
