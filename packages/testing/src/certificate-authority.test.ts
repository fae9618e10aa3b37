import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { type CertifiedKey, createCertificateAuthority } from "./certificate-authority.js";

const authority = createCertificateAuthority();
const stranger = createCertificateAuthority("another authority");
const server = authority.issue({
  commonName: "server",
  names: ["localhost", "127.0.0.1", "::1", "2001:db8::a:1", "etcd.test"],
});
const client = authority.issue({ commonName: "alice" });

/** Resolves with what each side thinks of the other, or rejects with why the handshake failed. */
async function handshake(
  own: CertifiedKey,
  options: { readonly ca: string; readonly client?: CertifiedKey; readonly name?: string },
): Promise<string> {
  const { promise: met, resolve, reject } = defer<string>();
  const listener = createServer({ ...own, ca: authority.cert, requestCert: true }, (socket: TLSSocket) => {
    resolve(String(socket.getPeerCertificate().subject.CN));
    socket.on("error", () => undefined);
    socket.end();
  });
  listener.on("tlsClientError", reject);
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = connect({
    port,
    host: "127.0.0.1",
    servername: options.name ?? "localhost",
    ca: options.ca,
    ...options.client,
  });
  socket.on("error", reject);
  socket.resume();
  try {
    return await met;
  } finally {
    socket.destroy();
    listener.close();
  }
}

function defer<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe("a certificate", () => {
  it("is signed by its authority, for the names that were asked for", () => {
    const parsed = new X509Certificate(server.cert);
    const ca = new X509Certificate(authority.cert);
    expect(parsed.verify(ca.publicKey)).toBe(true);
    expect(parsed.checkIssued(ca)).toBe(true);
    expect([ca.ca, parsed.ca]).toEqual([true, false]);
    for (const address of ["127.0.0.1", "::1", "2001:db8::a:1"])
      expect(parsed.checkIP(address)).toBe(address);
    expect(parsed.checkIP("2001:db8::a:2")).toBeUndefined();
    expect(parsed.checkHost("etcd.test")).toBe("etcd.test");
    expect(parsed.subject).toBe("CN=server");
  });

  it("is good from an hour ago for a year by default, and as long as it is told otherwise, past 2050 too", () => {
    const hour = 3_600_000;
    const usual = new X509Certificate(client.cert);
    expect(Date.now() - usual.validFromDate.getTime()).toBeGreaterThanOrEqual(hour - 5_000);
    expect(usual.validToDate.getTime() - Date.now()).toBeGreaterThan(364 * 24 * hour);
    const [notBefore, notAfter] = [new Date("2049-12-31T23:59:59Z"), new Date("2050-01-01T00:00:00Z")];
    const late = new X509Certificate(authority.issue({ commonName: "late", notBefore, notAfter }).cert);
    expect([late.validFromDate, late.validToDate]).toEqual([notBefore, notAfter]);
    expect(() => authority.issue({ commonName: "never", notBefore: notAfter, notAfter: notBefore })).toThrow(
      /^notAfter:/,
    );
  });

  it("lets a server and a client meet", async () => {
    expect(await handshake(server, { ca: authority.cert, client, name: "etcd.test" })).toBe("alice");
  });

  it.each([
    [
      "a server under another name",
      { ca: authority.cert, client, name: "elsewhere.test" },
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    ],
    [
      "a server of another authority",
      { ca: stranger.cert, client },
      /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY/,
    ],
    [
      "a client without a certificate",
      { ca: authority.cert },
      /ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE|ECONNRESET|CERTIFICATE_REQUIRED/,
    ],
    [
      "a client of another authority",
      { ca: authority.cert, client: stranger.issue({ commonName: "mallory" }) },
      /CERT|ECONNRESET|UNKNOWN_CA/,
    ],
    [
      "an expired client",
      {
        ca: authority.cert,
        client: authority.issue({ commonName: "late", notBefore: new Date(0), notAfter: new Date(1_000) }),
      },
      /CERT|ECONNRESET/,
    ],
  ])("keeps out %s", async (_who, options, code) => {
    await expect(handshake(server, options)).rejects.toMatchObject({ code: expect.stringMatching(code) });
  });
});
