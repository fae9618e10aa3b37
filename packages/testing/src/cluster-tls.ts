import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CertifiedKey, createCertificateAuthority, type IssueOptions } from "./certificate-authority.js";

/** A certificate with its key, as text and as files. */
export interface CertificateFiles extends CertifiedKey {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What a client of a TLS cluster needs, and what it must not get in with. Texts are PEM, paths absolute. */
export interface ClusterTls extends CertificateFiles {
  /** `server`: clients need no certificate. `mutual`: they do. */
  readonly mode: "server" | "mutual";
  /** The authority of the servers' certificates and of the clients' here (`cert`, `key`: a client named `client`). */
  readonly ca: string;
  readonly caFile: string;
  /** A DNS name in the servers' certificates that does not resolve: for the client's `serverName`. */
  readonly serverName: string;
  /** A client certificate that has expired. */
  readonly expired: CertificateFiles;
  /** A client certificate of another authority. */
  readonly foreign: CertificateFiles;
  /** The certificate of that other authority: a client that trusts only it must refuse the servers. */
  readonly foreignCa: string;
  /** Issues one more client certificate; etcd takes its common name for a user name. */
  issue(options: IssueOptions): Promise<CertificateFiles>;
}

/** Makes the certificates of one cluster. */
export async function createClusterTls(
  directory: string,
  mode: ClusterTls["mode"],
): Promise<{ readonly server: CertificateFiles; readonly tls: ClusterTls }> {
  await mkdir(directory, { recursive: true });
  const authority = createCertificateAuthority();
  const foreign = createCertificateAuthority("another test CA");
  const serverName = "etcd.test";
  let serial = 0;

  async function save({ cert, key }: CertifiedKey, name: string): Promise<CertificateFiles> {
    const [certFile, keyFile] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)];
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key, { mode: 0o600 })]);
    return { cert, key, certFile, keyFile };
  }

  const caFile = join(directory, "ca.crt");
  await writeFile(caFile, authority.cert);
  const names = ["localhost", "127.0.0.1", "::1", serverName];
  const past = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) };
  const tls: ClusterTls = {
    ...(await save(authority.issue({ commonName: "client" }), "client")),
    mode,
    ca: authority.cert,
    caFile,
    serverName,
    expired: await save(authority.issue({ commonName: "client", ...past }), "expired"),
    foreign: await save(foreign.issue({ commonName: "client" }), "foreign"),
    foreignCa: foreign.cert,
    issue: (options) => {
      serial += 1;
      return save(authority.issue(options), `issued-${serial}`);
    },
  };
  return { server: await save(authority.issue({ commonName: "etcd", names }), "server"), tls };
}
