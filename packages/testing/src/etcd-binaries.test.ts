import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compareVersions, etcdCacheDirectory, findEtcdBinaries, findEtcdBinary } from "./etcd-binaries.js";

let root: string;

/** A program that says it is etcd. */
async function pretend(folder: string, version: string): Promise<string> {
  const path = join(root, folder, "etcd");
  await mkdir(join(root, folder), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "etcd Version: ${version}"\necho "Go Version: go1.26"\n`);
  await chmod(path, 0o755);
  return path;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "etcdkit-"));
  await pretend("path", "3.6.9");
  await pretend("cache/etcd/3.4.23", "3.4.23");
  await pretend("cache/etcd/3.6.9", "3.6.9");
  await pretend("cache/etcd/3.10.0", "3.10.0");
  await pretend("own", "3.4.45");
  for (const tool of ["path/etcdctl", "cache/etcd/3.6.9/etcdctl", "cache/etcd/3.6.9/etcdutl"]) {
    await writeFile(join(root, tool), "#!/bin/sh\n", { mode: 0o755 });
  }
  await mkdir(join(root, "cache/etcd/broken"));
  await writeFile(join(root, "cache/etcd/broken/etcd"), "half a download", { mode: 0o755 });
});
afterAll(() => rm(root, { recursive: true }));

const environment = (more: Record<string, string> = {}) => ({
  PATH: [join(root, "path"), join(root, "nowhere")].join(delimiter),
  ETCDKIT_CACHE_DIR: join(root, "cache"),
  ...more,
});
const versions = async (more?: Record<string, string>) =>
  (await findEtcdBinaries(environment(more))).map(({ version, source }) => `${version} ${source}`);

describe("the etcd servers of a machine", () => {
  it("are found on PATH and in the cache, each version once, newest first", async () => {
    expect(await versions()).toEqual(["3.10.0 cache", "3.6.9 PATH", "3.4.23 cache"]);
  });

  it("include those of ETCD_BIN, which come before others of their version", async () => {
    const own = join(root, "own/etcd");
    const copy = join(root, "cache/etcd/3.6.9/etcd");
    expect(await versions({ ETCD_BIN: [own, copy].join(delimiter) })).toEqual([
      "3.10.0 cache",
      "3.6.9 ETCD_BIN",
      "3.4.45 ETCD_BIN",
      "3.4.23 cache",
    ]);
  });

  it("come with the tools that lie beside them, or in the cache", async () => {
    const found = await findEtcdBinaries(environment());
    expect(found.map(({ etcdctl }) => etcdctl)).toEqual([undefined, join(root, "path/etcdctl"), undefined]);
    const inCache = join(root, "cache/etcd/3.6.9/etcdutl");
    expect(found.map(({ etcdutl }) => etcdutl)).toEqual([undefined, inCache, undefined]);
  });

  it("are narrowed by ETCD_VERSIONS, exact or minor", async () => {
    expect(await versions({ ETCD_VERSIONS: "3.4, 3.6.9" })).toEqual(["3.6.9 PATH", "3.4.23 cache"]);
    expect(await versions({ ETCD_VERSIONS: "3.1" })).toEqual([]);
    expect(await versions({ ETCD_VERSIONS: "" })).toHaveLength(3);
  });

  it("may be none", async () => {
    expect(await findEtcdBinaries({ ETCDKIT_CACHE_DIR: join(root, "nowhere") })).toEqual([]);
  });

  it("are not guessed at when ETCD_BIN is wrong", async () => {
    const broken = join(root, "cache/etcd/broken/etcd");
    await expect(versions({ ETCD_BIN: broken })).rejects.toThrow(`ETCD_BIN: ${broken} is not an etcd server`);
    await expect(versions({ ETCD_BIN: join(root, "missing") })).rejects.toThrow(/^ETCD_BIN:/);
  });

  it("are seen anew when a file was replaced", async () => {
    const path = await pretend("changing", "3.7.0");
    expect(await versions({ ETCD_BIN: path })).toContain("3.7.0 ETCD_BIN");
    await pretend("changing", "3.7.1-rc.0");
    expect(await versions({ ETCD_BIN: path })).toContain("3.7.1-rc.0 ETCD_BIN");
  });
});

describe("one etcd server", () => {
  it("is the newest, or the one that was asked for", async () => {
    expect((await findEtcdBinary(undefined, environment())).version).toBe("3.10.0");
    expect((await findEtcdBinary("3.6", environment())).version).toBe("3.6.9");
    expect((await findEtcdBinary("3.4.23", environment())).version).toBe("3.4.23");
  });

  it("that is missing is missed in a sentence that says how to get one", async () => {
    const none = { ETCDKIT_CACHE_DIR: join(root, "nowhere") };
    await expect(findEtcdBinary(undefined, none)).rejects.toThrow(
      "no etcd server on this machine. Set ETCD_BIN to the path of an etcd program, put one on PATH, or run `npm test`",
    );
    await expect(findEtcdBinary("3.5", environment({ ETCD_VERSIONS: "3.4,3.6" }))).rejects.toThrow(
      "no etcd 3.5 on this machine among ETCD_VERSIONS=3.4,3.6 (found: 3.6.9, 3.4.23).",
    );
  });
});

describe("the cache of servers", () => {
  it("lies where the environment says", () => {
    expect(etcdCacheDirectory({ ETCDKIT_CACHE_DIR: "/a" })).toBe("/a/etcd");
    expect(etcdCacheDirectory({ XDG_CACHE_HOME: "/b" })).toBe("/b/etcdkit/etcd");
    expect(etcdCacheDirectory({})).toMatch(/\/\.cache\/etcdkit\/etcd$/);
  });
});

describe("versions", () => {
  it("are ordered by their numbers", () => {
    const sorted = ["3.10.0", "3.4.23", "3.4.9", "4.0.0", "3.4"].sort(compareVersions);
    expect(sorted).toEqual(["3.4", "3.4.9", "3.4.23", "3.10.0", "4.0.0"]);
  });
});
