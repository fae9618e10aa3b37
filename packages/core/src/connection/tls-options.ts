import { readFile } from "node:fs/promises";
import type { SecureContextOptions } from "node:tls";
import { failureText } from "@etcdkit/transport";
import { EtcdError } from "../errors/etcd-error.js";
import { checkFlag, checkOptions, optionTable } from "../options.js";

/**
 * How endpoints with TLS are verified and how this program proves who it is. Certificates and host names are verified
 * unless `insecureSkipVerify` says otherwise; TLS 1.2 is the least.
 */
export interface TlsOptions {
  /** Authorities to trust, in PEM, instead of Node's own (which `NODE_EXTRA_CA_CERTS` and `--use-system-ca` add to). */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Own certificate chain, in PEM. Needs `key` or `keyFile`. */
  readonly cert?: string | Uint8Array | undefined;
  /** Own private key, in PEM. */
  readonly key?: string | Uint8Array | undefined;
  /** Like `ca`, read from a file for each new connection, so that a changed file counts from then on. */
  readonly caFile?: string | undefined;
  /** Like `cert`, read from a file for each new connection. */
  readonly certFile?: string | undefined;
  /** Like `key`, read from a file for each new connection. */
  readonly keyFile?: string | undefined;
  /** Name that the server's certificate must carry, instead of the endpoint's host. */
  readonly serverName?: string | undefined;
  /** Accept any certificate. Whoever can reach the network can then read and change everything. Default `false`. */
  readonly insecureSkipVerify?: boolean | undefined;
}

/** TLS options, or where to get them at each new connection. */
export type TlsSource = TlsOptions | (() => Promise<TlsOptions>);

const pemParts = ["ca", "cert", "key"] as const;

const table = optionTable("tls", {
  ca: (value, name) => {
    for (const one of Array.isArray(value) ? value : [value]) checkPem(one, name as PemPart);
  },
  cert: (value) => checkPem(value, "cert"),
  key: (value) => checkPem(value, "key"),
  caFile: checkName,
  certFile: checkName,
  keyFile: checkName,
  serverName: checkName,
  insecureSkipVerify: checkFlag,
});

/** Checks TLS options as far as that goes without reading files. @throws `TypeError` that names the option. */
export function checkTlsOptions(tls: TlsOptions): TlsOptions {
  if (tls === undefined) throw new TypeError("tls: expected an object");
  checkOptions(table, tls);
  for (const part of pemParts) {
    if (tls[part] !== undefined && tls[`${part}File`] !== undefined) {
      throw new TypeError(`tls.${part} and tls.${part}File: give one of them`);
    }
  }
  const hasCert = tls.cert !== undefined || tls.certFile !== undefined;
  const hasKey = tls.key !== undefined || tls.keyFile !== undefined;
  if (hasCert !== hasKey)
    throw new TypeError("tls: a certificate and its key belong together; one of them is missing");
  return tls;
}

type PemPart = (typeof pemParts)[number];

// What the text of each part begins with (RFC 7468). OpenSSL passes over a text without, and verifies by nothing.
const label: Readonly<Record<PemPart, RegExp>> = {
  ca: /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/,
  cert: /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/,
  key: /-----BEGIN ([A-Z]+ )*PRIVATE KEY-----/,
};

function isPem(contents: string | Uint8Array, part: PemPart): boolean {
  return label[part].test(typeof contents === "string" ? contents : Buffer.from(contents).toString("latin1"));
}

function checkPem(value: unknown, part: PemPart): void {
  if (!(typeof value === "string" || value instanceof Uint8Array)) {
    throw new TypeError(`tls.${part}: expected PEM text as string or Uint8Array`);
  }
  if (!isPem(value, part))
    throw new TypeError(`tls.${part}: expected PEM text; for a path use tls.${part}File`);
}

function checkName(value: unknown, name: string): void {
  if (typeof value !== "string" || value === "")
    throw new TypeError(`tls.${name}: expected a string that is not empty`);
}

/** What `tls.connect` needs, with every file read. */
export interface LoadedTls extends Pick<SecureContextOptions, "ca" | "cert" | "key"> {
  readonly serverName: string | undefined;
  readonly insecureSkipVerify: boolean;
}

/**
 * Gets the TLS settings for one new connection.
 *
 * @throws {@link EtcdError} `TLS` when a file cannot be read or the source fails; the message names the file.
 */
export async function loadTls(source: TlsSource | undefined): Promise<LoadedTls> {
  const tls = typeof source === "function" ? await fromProvider(source) : (source ?? {});
  const [ca, cert, key] = await Promise.all([
    pem(tls.ca, tls.caFile, "ca"),
    pem(tls.cert, tls.certFile, "cert"),
    pem(tls.key, tls.keyFile, "key"),
  ]);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    serverName: tls.serverName,
    insecureSkipVerify: tls.insecureSkipVerify ?? false,
  };
}

async function fromProvider(provider: () => Promise<TlsOptions>): Promise<TlsOptions> {
  let tls: TlsOptions;
  try {
    tls = await provider();
  } catch (cause) {
    throw new EtcdError("TLS", "the function given as `tls` failed", { cause });
  }
  try {
    return checkTlsOptions(tls);
  } catch (cause) {
    throw new EtcdError(
      "TLS",
      `the function given as \`tls\` returned what cannot be used: ${failureText(cause)}`,
      {
        cause,
      },
    );
  }
}

async function pem(
  contents: TlsOptions["ca"],
  file: string | undefined,
  part: PemPart,
): Promise<string | Buffer | (string | Buffer)[] | undefined> {
  if (file !== undefined) {
    const read = await readPemFile(file, part);
    if (isPem(read, part)) return read;
    const what = part === "key" ? "private key" : "certificate";
    throw new EtcdError("TLS", `tls.${part}File: ${JSON.stringify(file)} holds no ${what} in PEM`);
  }
  if (contents === undefined || typeof contents === "string") return contents;
  if (contents instanceof Uint8Array) return Buffer.from(contents);
  return contents.map((one) => (typeof one === "string" ? one : Buffer.from(one)));
}

async function readPemFile(file: string, part: PemPart): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new EtcdError("TLS", `tls.${part}File: cannot read ${JSON.stringify(file)}`, { cause });
  }
}
