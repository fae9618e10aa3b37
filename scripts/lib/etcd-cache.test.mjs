import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EtcdCache } from "./etcd-cache.mjs";

let directory;
let cache;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "etcdkit-cache-"));
  cache = new EtcdCache(join(directory, "etcd"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const inCache = (...parts) => join(cache.directory, ...parts);

describe("the cache of etcd servers", () => {
  it("holds programs by version, executable, and remembers where they came from", async () => {
    await cache.withTemporary(async (temporary) => {
      writeFileSync(join(temporary, "built"), "program");
      await cache.place("3.7.1", { etcd: join(temporary, "built") }, { from: "go", key: "abc" });
    });
    expect(readFileSync(inCache("3.7.1", "etcd"), "utf8")).toBe("program");
    expect(statSync(inCache("3.7.1", "etcd")).mode & 0o111).toBe(0o111);
    expect([...(await cache.sources())]).toEqual([["3.7.1", { from: "go", key: "abc" }]]);
  });

  it("replaces a program by another file, so that one that runs goes on with the old one", async () => {
    const source = join(directory, "built");
    writeFileSync(source, "old");
    await cache.place("3.7.1", { etcd: source }, { from: "go", key: "old" });
    const before = statSync(inCache("3.7.1", "etcd")).ino;
    writeFileSync(source, "new");
    await cache.place("3.7.1", { etcd: source }, { from: "go", key: "new" });
    expect(readFileSync(inCache("3.7.1", "etcd"), "utf8")).toBe("new");
    expect(statSync(inCache("3.7.1", "etcd")).ino).not.toBe(before);
  });

  it("keeps in mind where a server came from when others are put beside it", async () => {
    const source = join(directory, "built");
    writeFileSync(source, "program");
    await cache.place("3.7.1", { etcd: source }, { from: "go", key: "abc" });
    await cache.place("3.7.1", { etcdctl: source });
    expect(existsSync(inCache("3.7.1", "etcdctl"))).toBe(true);
    expect([...(await cache.sources())]).toEqual([["3.7.1", { from: "go", key: "abc" }]]);
  });

  it("removes a temporary folder after use, also when the use fails", async () => {
    let used;
    const failing = cache.withTemporary((temporary) => {
      used = temporary;
      throw new Error("no luck");
    });
    await expect(failing).rejects.toThrow("no luck");
    expect(existsSync(used)).toBe(false);
  });

  it("keeps temporary folders where a half-made server is not taken for one of a version", async () => {
    await cache.withTemporary((temporary) => {
      expect(dirname(dirname(temporary))).toBe(cache.directory);
    });
  });

  it("removes what a process left behind a day ago, and nothing that is in use", async () => {
    const [stale, fresh] = [inCache(".tmp", "fetch-stale"), inCache(".tmp", "fetch-fresh")];
    for (const path of [stale, fresh]) mkdirSync(path, { recursive: true });
    const dayBefore = new Date(Date.now() - 25 * 60 * 60 * 1000);
    utimesSync(stale, dayBefore, dayBefore);
    await cache.withTemporary(() => {});
    expect([existsSync(stale), existsSync(fresh)]).toEqual([false, true]);
  });

  it("remembers for a day that something cannot be had", async () => {
    expect(await cache.isKnownAbsent("debian")).toBe(false);
    await cache.noteAbsence("debian");
    expect(await cache.isKnownAbsent("debian")).toBe(true);
    const dayBefore = new Date(Date.now() - 25 * 60 * 60 * 1000);
    utimesSync(inCache(".absent-debian"), dayBefore, dayBefore);
    expect(await cache.isKnownAbsent("debian")).toBe(false);
  });
});
