import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { bits, element, integer, octets, oid, sequence, set, time, truth, utf8 } from "./der.js";

/** A certificate and its private key, both PEM. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

/** What {@link CertificateAuthority.issue} takes: whom the certificate is for, and when it is good. */
export interface IssueOptions {
  /** Who the holder is. etcd takes it for the user name of a client with a certificate. */
  readonly commonName: string;
  /** DNS names and IP addresses that a server with this certificate may be reached by. Default: none. */
  readonly names?: readonly string[] | undefined;
  /** Default: an hour ago. */
  readonly notBefore?: Date | undefined;
  /** Default: in a year. */
  readonly notAfter?: Date | undefined;
}

/** Issues certificates for tests, ECDSA on P-256. */
export interface CertificateAuthority {
  /** Its own certificate, PEM: what the other side is to trust. */
  readonly cert: string;
  /** Issues a certificate that is good for a server and for a client. */
  issue(options: IssueOptions): CertifiedKey;
}

const hour = 3_600_000;
const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

/**
 * Makes a certificate authority. It lives in memory, so every one is another, whatever its name.
 *
 * @param commonName - Its name. Default `etcdkit test CA`.
 */
export function createCertificateAuthority(commonName = "etcdkit test CA"): CertificateAuthority {
  const issuer = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const own = { commonName, ...validity({}) };

  return {
    cert: certificate(
      { ...own, issuerName: commonName, publicKey: issuer.publicKey, signer: issuer.privateKey },
      [
        extension("2.5.29.19", true, sequence(truth)), // basicConstraints: cA
        extension("2.5.29.15", true, bits(Uint8Array.of(0b0000_0110), 1)), // keyUsage: keyCertSign, cRLSign
      ],
    ),

    issue(options) {
      const holder = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const { names = [] } = options;
      const cert = certificate(
        {
          commonName: options.commonName,
          ...validity(options),
          issuerName: commonName,
          publicKey: holder.publicKey,
          signer: issuer.privateKey,
        },
        [
          extension("2.5.29.19", true, sequence()),
          extension("2.5.29.15", true, bits(Uint8Array.of(0b1000_0000), 7)), // keyUsage: digitalSignature
          // extKeyUsage: serverAuth, clientAuth. An etcd member is also a client: of itself, in its JSON gateway.
          extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.2"))),
          ...(names.length > 0
            ? [extension("2.5.29.17", false, sequence(...names.map(alternativeName)))]
            : []),
        ],
      );
      return { cert, key: holder.privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
    },
  };
}

interface Subject {
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly issuerName: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
}

/** RFC 5280, 4.1. */
function certificate(subject: Subject, extensions: readonly Uint8Array[]): string {
  const serial = randomBytes(15);
  const signed = sequence(
    element(0xa0, integer(2n)), // version 3
    integer(BigInt(`0x01${serial.toString("hex")}`)),
    ecdsaWithSha256,
    distinguishedName(subject.issuerName),
    sequence(time(subject.notBefore), time(subject.notAfter)),
    distinguishedName(subject.commonName),
    subject.publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(...extensions)),
  );
  return pem(sequence(signed, ecdsaWithSha256, bits(sign("sha256", signed, subject.signer))));
}

function validity(options: Pick<IssueOptions, "notBefore" | "notAfter">): {
  notBefore: Date;
  notAfter: Date;
} {
  const { notBefore = new Date(Date.now() - hour), notAfter = new Date(Date.now() + 365 * 24 * hour) } =
    options;
  if (!(notBefore < notAfter)) throw new RangeError("notAfter: expected a moment after notBefore");
  return { notBefore, notAfter };
}

function distinguishedName(commonName: string): Uint8Array {
  return sequence(set(sequence(oid("2.5.4.3"), utf8(commonName))));
}

function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(id), ...(critical ? [truth] : []), octets(value));
}

function alternativeName(name: string): Uint8Array {
  return isIP(name) === 0 ? element(0x82, Buffer.from(name, "ascii")) : element(0x87, addressBytes(name));
}

function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split(".").map(Number));
  // The URL parser writes every spelling of an IPv6 address in one way: groups of hex digits, at most one "::".
  const [head = "", tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const [left, right] = [groups(head), groups(tail)];
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function groups(text: string): readonly number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
