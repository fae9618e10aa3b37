import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { ConfigError, type SettingOrigin } from "./config-error.js";
import type { Setting, Settings } from "./settings.js";

/**
 * Reads the certificates and the key that settings name, to find out at the start of a program what else would show with
 * its first call. The connection reads them again, whenever it makes a link.
 */
export function checkTlsFiles({ caFile, certFile, keyFile }: Settings): void {
  if (caFile !== undefined) certificatesIn(caFile);
  if (certFile === undefined && keyFile === undefined) return;
  if (certFile === undefined || keyFile === undefined) {
    const [given, missing] = certFile === undefined ? [keyFile, "certificate"] : [certFile, "key"];
    throw new ConfigError(
      given?.origin ?? {},
      `a certificate and its key belong together; the ${missing} is missing`,
    );
  }
  const [certificate] = certificatesIn(certFile);
  if (certificate?.checkPrivateKey(privateKeyIn(keyFile)) !== true) {
    throw new ConfigError(keyFile.origin, "the key is not that of the certificate");
  }
}

function certificatesIn({ value: path, origin }: Setting<string>): readonly X509Certificate[] {
  const text = read(path, origin);
  const blocks = text.match(/-----BEGIN ((?:TRUSTED |X509 )?CERTIFICATE)-----[^-]*-----END \1-----/g) ?? [];
  try {
    const certificates = blocks.map((block) => new X509Certificate(block));
    if (certificates.length > 0) return certificates;
  } catch {
    // said below
  }
  throw new ConfigError(origin, `${JSON.stringify(path)} holds no certificate in PEM`);
}

function privateKeyIn({ value: path, origin }: Setting<string>): KeyObject {
  const text = read(path, origin);
  try {
    return createPrivateKey(text);
  } catch {
    // Its message is left out: nobody promises that it holds nothing of the key.
    throw new ConfigError(origin, `${JSON.stringify(path)} holds no private key in PEM, or an encrypted one`);
  }
}

function read(path: string, origin: SettingOrigin): string {
  try {
    return readFileSync(path, "latin1");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
    throw new ConfigError(origin, `cannot read ${JSON.stringify(path)}${code}`, cause);
  }
}
