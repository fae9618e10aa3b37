import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildGoProgram } from "@etcdkit/testing";

const sources = fileURLToPath(new URL("../go/", import.meta.url));

/** Builds the Go program of this package, unless that was done before; undefined where there is no Go. */
export function buildGoBench(): Promise<string | undefined> {
  return buildGoProgram(sources, "bench");
}

/** The version of the client that the program is built with, from its go.mod. */
export async function goClientVersion(): Promise<string> {
  const manifest = await readFile(join(sources, "go.mod"), "utf8");
  return /go\.etcd\.io\/etcd\/client\/v3 v(\S+)/.exec(manifest)?.[1] ?? "unknown";
}
