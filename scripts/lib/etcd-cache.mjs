import { existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Failure } from "./failure.mjs";
import { inRoot } from "./workspace.mjs";

/**
 * Where servers are found is the test kit's business: one module says it for the tests and for these scripts.
 * It has no dependencies, and is there once the workspace is built.
 */
export function discovery() {
  return importBuilt("etcd-binaries.js");
}

/** How Go programs are built is its business as well: see {@link discovery}. */
export function goPrograms() {
  return importBuilt("go-program.js");
}

function importBuilt(file) {
  const module = inRoot("packages", "testing", "dist", file);
  if (!existsSync(module)) {
    throw new Failure("@etcdkit/testing, which knows where servers are, is not built: mend the build first.");
  }
  return import(pathToFileURL(module).href);
}

const staleMs = 24 * 60 * 60 * 1000;

/**
 * The servers that these scripts fetch: `<version>/etcd`, with `etcdctl` beside it where there is one, and
 * `<version>/source.json`, which says where they came from. Files appear whole, by a rename, so that several
 * processes may fill the cache at once and others run what is in it meanwhile.
 */
export class EtcdCache {
  /** @param {string} directory */
  constructor(directory) {
    this.directory = directory;
  }

  /** Calls `use` with an empty folder on the cache's own file system, and removes it afterwards. */
  async withTemporary(use) {
    // One level deeper than versions are, so that nobody takes a half-made server for one of the cache's.
    const parent = join(this.directory, ".tmp");
    await mkdir(parent, { recursive: true });
    await removeStale(parent);
    const temporary = await mkdtemp(join(parent, "fetch-"));
    try {
      return await use(temporary);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /**
   * Puts programs in their place.
   * @param {string} version
   * @param {Record<string, string>} programs Paths by name: `{ etcd: "/…/etcd" }`.
   * @param {{ from: string, key: string }} [source] Of the server; left as it is where only others are put beside it.
   */
  async place(version, programs, source) {
    const directory = join(this.directory, version);
    await mkdir(directory, { recursive: true });
    for (const [name, path] of Object.entries(programs)) await this.#put(path, join(directory, name));
    if (source === undefined) return;
    const record = join(directory, `.source-${process.pid}`);
    await writeFile(record, `${JSON.stringify(source)}\n`);
    await rename(record, join(directory, "source.json"));
  }

  /** Where each version came from. */
  async sources() {
    const versions = await readdir(this.directory).catch(() => []);
    const sources = new Map();
    for (const version of versions) {
      const source = await readJsonIfAny(join(this.directory, version, "source.json"));
      if (source !== undefined) sources.set(version, source);
    }
    return sources;
  }

  /** Remembers for a day that something cannot be had, so that the next run does not ask again. */
  async noteAbsence(name) {
    await mkdir(this.directory, { recursive: true });
    await writeFile(this.#absence(name), "");
  }

  async isKnownAbsent(name) {
    const note = await stat(this.#absence(name)).catch(() => undefined);
    return note !== undefined && Date.now() - note.mtimeMs < staleMs;
  }

  #absence(name) {
    return join(this.directory, `.absent-${name}`);
  }

  async #put(from, to) {
    const temporary = `${to}.${process.pid}`;
    await copyFile(from, temporary);
    await chmod(temporary, 0o755);
    await rename(temporary, to);
  }
}

/** Removes what a killed process left behind. */
async function removeStale(directory) {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > staleMs) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function readJsonIfAny(path) {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}
