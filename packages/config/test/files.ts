import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority } from "@etcdkit/testing";

/** A directory of certificates and other files, gone with the end of its scope. */
export interface Files extends Disposable {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** The key of another certificate. */
  readonly otherKeyFile: string;
  /** Writes a file and returns its path. */
  write(name: string, text: string): string;
  /** The path of a file that does not exist. */
  readonly missing: string;
}

export function makeFiles(): Files {
  const directory = mkdtempSync(join(tmpdir(), "etcdkit-config-"));
  const write = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const authority = createCertificateAuthority();
  const holder = authority.issue({ commonName: "client" });
  return {
    caFile: write("ca.pem", `# two authorities\n${authority.cert}${createCertificateAuthority().cert}`),
    certFile: write("cert.pem", holder.cert),
    keyFile: write("key.pem", holder.key),
    otherKeyFile: write("other-key.pem", authority.issue({ commonName: "other" }).key),
    write,
    missing: join(directory, "missing.pem"),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
