import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { etcdCacheDirectory } from "@etcdkit/testing";

const run = promisify(execFile);
const sources = fileURLToPath(new URL("../go/", import.meta.url));
const buildTimeoutMs = 600_000;

/** What `go version` says, `go1.26.8` for example; undefined where there is no Go. */
export async function goVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await run("go", ["version"], { timeout: 30_000 });
    return /^go version (\S+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Builds the Go program of this package into the cache beside the servers, unless it is there already.
 *
 * @returns Its path.
 * @throws Error with what `go build` said.
 */
export async function buildGoProgram(version: string): Promise<string> {
  const directory = join(dirname(etcdCacheDirectory()), "bench");
  const program = join(directory, `go-${await fingerprint(version)}`);
  if (await exists(program)) return program;
  await mkdir(directory, { recursive: true });
  // Another run may build at the same time: what has the final name is whole.
  const unfinished = `${program}.${process.pid}`;
  try {
    await run("go", ["build", "-trimpath", "-o", unfinished, "."], {
      cwd: sources,
      env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" },
      timeout: buildTimeoutMs,
    });
    await rename(unfinished, program);
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

/** The version of the client that the program is built with, from its go.mod. */
export async function goClientVersion(): Promise<string> {
  const manifest = await readFile(join(sources, "go.mod"), "utf8");
  return /go\.etcd\.io\/etcd\/client\/v3 v(\S+)/.exec(manifest)?.[1] ?? "unknown";
}

/** Changes with anything that is built in. */
async function fingerprint(version: string): Promise<string> {
  const hash = createHash("sha256").update(version);
  for (const name of (await readdir(sources)).sort()) {
    hash.update(`\0${name}\0`).update(await readFile(join(sources, name)));
  }
  return hash.digest("hex").slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
