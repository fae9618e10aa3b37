import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { caught } from "../../test/caught.js";
import { checkTlsOptions, loadTls, type TlsOptions } from "./tls-options.js";

const certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const key = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n";

describe("checkTlsOptions", () => {
  it.each([
    [{ ca: certificate }],
    [{ ca: [Buffer.from(certificate), certificate] }],
    [{ caFile: "ca.pem" }],
    [{ cert: certificate, key }],
    [{ cert: certificate, keyFile: "key.pem" }],
    [{ serverName: "etcd", insecureSkipVerify: false }],
    [{}],
  ])("takes %j", (tls) => {
    expect(checkTlsOptions(tls)).toBe(tls);
  });

  it.each([
    [{ ca: 7 }, "tls.ca: expected PEM"],
    [{ ca: [certificate, 7] }, "tls.ca: expected PEM"],
    [{ cert: {}, key }, "tls.cert: expected PEM"],
    [{ cert: certificate, key: 7 }, "tls.key: expected PEM"],
    [{ ca: "/etc/ca.pem" }, "tls.ca: expected PEM text; for a path use tls.caFile"],
    [{ ca: key }, "tls.ca: expected PEM text"],
    [{ cert: certificate, key: certificate }, "tls.key: expected PEM text"],
    [{ caFile: "" }, "tls.caFile: expected a string"],
    [{ certFile: 7, keyFile: "k" }, "tls.certFile: expected a string"],
    [{ certFile: "c", keyFile: Buffer.from("k") }, "tls.keyFile: expected a string"],
    [{ serverName: "" }, "tls.serverName: expected a string"],
    [{ insecureSkipVerify: "false" }, "insecureSkipVerify must be a boolean"],
    [{ ca: certificate, caFile: "ca.pem" }, "tls.ca and tls.caFile: give one of them"],
    [{ cert: certificate, certFile: "c", key }, "tls.cert and tls.certFile: give one of them"],
    [{ cert: certificate, key, keyFile: "k" }, "tls.key and tls.keyFile: give one of them"],
    [{ cert: certificate }, "a certificate and its key belong together"],
    [{ keyFile: "k" }, "a certificate and its key belong together"],
    [{ rejectUnauthorized: false }, 'unknown option "rejectUnauthorized" of tls'],
    [JSON.parse('{"__proto__":{"ca":"x"}}') as object, 'unknown option "__proto__" of tls'],
  ])("refuses %j: %s", (tls, text) => {
    expect(() => checkTlsOptions(tls as TlsOptions)).toThrow(TypeError);
    expect(() => checkTlsOptions(tls as TlsOptions)).toThrow(text);
  });
});

describe("loadTls", () => {
  it("verifies by Node's authorities when nothing is said", async () => {
    expect(await loadTls(undefined)).toEqual({ serverName: undefined, insecureSkipVerify: false });
  });

  it("reads files anew for each connection", async () => {
    const directory = await mkdtemp(join(tmpdir(), "etcdkit-tls-"));
    try {
      const caFile = join(directory, "ca.pem");
      await writeFile(caFile, certificate);
      expect(String((await loadTls({ caFile })).ca)).toBe(certificate);
      await writeFile(caFile, certificate + certificate);
      expect(String((await loadTls({ caFile })).ca)).toBe(certificate + certificate);
      await writeFile(caFile, key);
      const error = await caught(loadTls({ caFile }));
      expect(error).toMatchObject({ code: "TLS" });
      expect(String(error)).toContain(`tls.caFile: "${caFile}" holds no certificate in PEM`);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("asks a provider anew for each connection", async () => {
    let asked = 0;
    const provider = async (): Promise<TlsOptions> => ({ ca: [`${++asked} ${certificate}`] });
    expect((await loadTls(provider)).ca).toEqual([`1 ${certificate}`]);
    expect((await loadTls(provider)).ca).toEqual([`2 ${certificate}`]);
  });

  it("rejects with TLS and the name of a file that cannot be read", async () => {
    const error = await caught(loadTls({ certFile: "/nowhere/cert.pem", keyFile: "/nowhere/key.pem" }));
    expect(error).toMatchObject({ code: "TLS", cause: { code: "ENOENT" } });
    expect(String(error)).toContain('"/nowhere/');
  });

  it("rejects with TLS when the provider fails, or gives what cannot be used", async () => {
    const cause = new Error("vault sealed");
    expect(await caught(loadTls(() => Promise.reject(cause)))).toMatchObject({ code: "TLS", cause });
    for (const answer of [undefined, null, 7, { ca: 7 }, { cert: "x" }, { unknown: 1 }]) {
      expect(await caught(loadTls(async () => answer as unknown as TlsOptions))).toMatchObject({
        code: "TLS",
      });
    }
  });
});
