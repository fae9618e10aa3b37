import { execFile } from "node:child_process";
import { access, constants, readdir, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** An etcd server program on this machine. */
export interface EtcdBinary {
  /** Absolute path of the server program. */
  readonly path: string;
  /** What `etcd --version` says, for example `3.7.1`. */
  readonly version: string;
  /** Absolute path of `etcdctl` of the same version, when it lies beside the server or in the cache folder. */
  readonly etcdctl?: string | undefined;
  /** The same of `etcdutl`, which servers have from 3.5 on. */
  readonly etcdutl?: string | undefined;
  /** Where it was found. */
  readonly source: "ETCD_BIN" | "PATH" | "cache";
}

/** Environment variables, by default those of this process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds the etcd servers of this machine: `ETCD_BIN` (one path, or several separated like those of `PATH`), `PATH`, and
 * the cache folder (see {@link etcdCacheDirectory}), in this order. Of equal versions the first found counts.
 * `ETCD_VERSIONS=3.4,3.7.1` keeps only those versions; a minor version stands for all its patch releases.
 *
 * @returns Newest version first; empty when there is none.
 * @throws Error when `ETCD_BIN` names something that is not an etcd server: what was asked for is not passed over.
 */
export async function findEtcdBinaries(env: Environment = process.env): Promise<readonly EtcdBinary[]> {
  // First of all: a promise that rejects while another is awaited here would be one that nobody handles.
  const inCache = await cached(env);
  const found = await Promise.all([
    ...pathsOf(env["ETCD_BIN"]).map(async (path) => inspectChosen(resolve(path), env)),
    ...pathsOf(env["PATH"]).map((directory) => inspect(join(resolve(directory), "etcd"), "PATH", env)),
    ...inCache.map((path) => inspect(path, "cache", env)),
  ]);
  const wanted =
    env["ETCD_VERSIONS"]
      ?.split(",")
      .map((version) => version.trim())
      .filter(Boolean) ?? [];
  const byVersion = new Map<string, EtcdBinary>();
  for (const binary of found) {
    if (binary === undefined || byVersion.has(binary.version)) continue;
    if (wanted.length === 0 || wanted.some((version) => isVersion(binary, version))) {
      byVersion.set(binary.version, binary);
    }
  }
  return [...byVersion.values()].sort((a, b) => compareVersions(b.version, a.version));
}

/**
 * Finds one etcd server of this machine.
 *
 * @param version - Exact (`3.6.14`) or minor (`3.6`: its newest patch release). Default: the newest of all.
 * @throws Error that says how to get one, when there is none.
 */
export async function findEtcdBinary(version?: string, env: Environment = process.env): Promise<EtcdBinary> {
  const binaries = await findEtcdBinaries(env);
  const binary = binaries.find((candidate) => version === undefined || isVersion(candidate, version));
  if (binary !== undefined) return binary;
  const narrowed = env["ETCD_VERSIONS"] ? ` among ETCD_VERSIONS=${env["ETCD_VERSIONS"]}` : "";
  const others = binaries.length > 0 ? ` (found: ${binaries.map((other) => other.version).join(", ")})` : "";
  throw new Error(
    `no etcd ${version === undefined ? "server" : version} on this machine${narrowed}${others}. ` +
      "Set ETCD_BIN to the path of an etcd program, put one on PATH, or run `npm test`, which fetches them.",
  );
}

/**
 * The folder that holds fetched servers as `<version>/etcd`: `$ETCDKIT_CACHE_DIR/etcd`, by default
 * `$XDG_CACHE_HOME/etcdkit/etcd` or `~/.cache/etcdkit/etcd`.
 */
export function etcdCacheDirectory(env: Environment = process.env): string {
  const root =
    env["ETCDKIT_CACHE_DIR"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "etcdkit");
  return join(resolve(root), "etcd");
}

/** Orders versions by their numbers: negative when `a` is the older one. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(version: string): readonly number[] {
  return version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
}

function isVersion(binary: EtcdBinary, wanted: string): boolean {
  return binary.version === wanted || binary.version.startsWith(`${wanted}.`);
}

function pathsOf(list: string | undefined): readonly string[] {
  return list?.split(delimiter).filter(Boolean) ?? [];
}

async function cached(env: Environment): Promise<readonly string[]> {
  const root = etcdCacheDirectory(env);
  const versions = await readdir(root).catch(() => []);
  return versions.map((version) => join(root, version, "etcd"));
}

async function inspectChosen(path: string, env: Environment): Promise<EtcdBinary> {
  const binary = await inspect(path, "ETCD_BIN", env);
  if (binary === undefined)
    throw new Error(`ETCD_BIN: ${path} is not an etcd server that runs on this machine`);
  return binary;
}

async function inspect(
  path: string,
  source: EtcdBinary["source"],
  env: Environment,
): Promise<EtcdBinary | undefined> {
  const version = await versionOf(path);
  if (version === undefined) return undefined;
  const folders = [dirname(path), join(etcdCacheDirectory(env), version)];
  const tool = (name: string): Promise<string | undefined> =>
    firstExecutable(folders.map((folder) => join(folder, name)));
  return { path, version, etcdctl: await tool("etcdctl"), etcdutl: await tool("etcdutl"), source };
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

/** A file does not change its version; a file that was replaced has another time or size. */
const versions = new Map<string, Promise<string | undefined>>();

async function versionOf(path: string): Promise<string | undefined> {
  if (!(await isExecutable(path))) return undefined;
  const { mtimeMs, size } = await stat(path);
  const identity = `${path}\0${mtimeMs}\0${size}`;
  const known = versions.get(identity) ?? askVersion(path);
  versions.set(identity, known);
  return known;
}

async function askVersion(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(path, ["--version"], { timeout: 10_000 });
    return /^etcd Version: (\S+)/m.exec(stdout)?.[1];
  } catch {
    return undefined; // made for another machine, half copied, or not etcd at all
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
