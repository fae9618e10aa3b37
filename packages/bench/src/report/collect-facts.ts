import { readFile } from "node:fs/promises";
import { arch, cpus, loadavg, release, type as system, totalmem } from "node:os";
import { findEtcdBinary, goVersion } from "@etcdkit/testing";
import { goClientVersion } from "../go-program.js";
import type { Facts } from "./facts.js";

/** @throws Error when there is no etcd server on this machine. */
export async function collectFacts(): Promise<Facts> {
  const [processor] = cpus();
  const [loadBefore = 0] = loadavg();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: `${cpus().length} x ${processor?.model.trim() ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${system()} ${release()} ${arch()}`,
    node: process.versions.node,
    etcd: (await findEtcdBinary()).version,
    go: (await goVersion()) ?? "none",
    clients: [
      ...(await Promise.all(["etcd3", "@grpc/grpc-js", "@connectrpc/connect-node"].map(nameAndVersion))),
      `Go clientv3 ${await goClientVersion()}`,
    ].join(", "),
    loadBefore,
  };
}

/** Of a dependency of this package. */
async function nameAndVersion(name: string): Promise<string> {
  // Not every package lets its manifest be imported.
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { readonly version: string };
  return `${name} ${version}`;
}
