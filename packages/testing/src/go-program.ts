import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Environment, etcdCacheDirectory } from "./etcd-binaries.js";

const run = promisify(execFile);
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

/** The Go of this machine is too old, or the modules of a program cannot be fetched: the program may be fine. */
export class GoModulesError extends Error {
  override readonly name: string = "GoModulesError";
}

/**
 * Builds a Go program into a folder beside the cache of servers, unless it is there already: its name there changes with
 * the compiler and with anything that is built in.
 *
 * @param sources - The folder of its module, which lies flat in it.
 * @param name - The folder in the cache.
 * @returns Its path; undefined where there is no Go.
 * @throws {@link GoModulesError} when its modules cannot be had; else Error with what `go build` said.
 */
export async function buildGoProgram(
  sources: string,
  name: string,
  env: Environment = process.env,
): Promise<string | undefined> {
  const version = await goVersion();
  if (version === undefined) return undefined;
  const directory = join(dirname(etcdCacheDirectory(env)), name);
  const program = join(directory, `go-${await fingerprint(sources, version)}`);
  if (await exists(program)) return program;
  await mkdir(directory, { recursive: true });
  // Somebody else may build at the same time: what has the final name is whole.
  const unfinished = `${program}.${randomUUID()}`;
  try {
    await go(sources, "build", "-trimpath", "-o", unfinished, ".").catch(async (error: unknown) => {
      await go(sources, "mod", "download").catch(({ message }: Error) => {
        throw new GoModulesError(message, { cause: error });
      });
      throw error;
    });
    await rename(unfinished, program);
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

async function go(sources: string, ...args: readonly string[]): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: "0", GOWORK: "off" };
  await run("go", args, { cwd: sources, env, timeout: buildTimeoutMs });
}

async function fingerprint(sources: string, version: string): Promise<string> {
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
