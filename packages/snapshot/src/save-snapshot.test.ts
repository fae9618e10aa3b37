import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { EtcdError } from "@etcdkit/core";
import type { Snapshot } from "@etcdkit/maintenance";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../test/temporary-folder.js";
import { type SnapshotProgress, type SnapshotSource, saveSnapshot } from "./save-snapshot.js";

const header = {
  $typeName: "etcdserverpb.ResponseHeader" as const,
  clusterId: 0n,
  memberId: 0n,
  revision: 0n,
  raftTerm: 0n,
};
const chunks = [Buffer.from("one "), Buffer.from("two "), Buffer.from("three")];
const digest = Uint8Array.of(1, 2, 3);

interface Source extends SnapshotSource {
  readonly asked: unknown[];
  readonly closed: () => boolean;
}

/** A source of these chunks; `before` is called with the number of each before it is handed out, and after the last. */
function source(before: (chunk: number) => unknown = () => undefined, whole = true): Source {
  const asked: unknown[] = [];
  let closed = false;
  let receivedBytes = 0;
  const close = async (): Promise<void> => {
    closed = true;
  };
  const snapshot: Snapshot = {
    header,
    version: "3.7.0",
    sizeBytes: 13,
    get receivedBytes() {
      return receivedBytes;
    },
    get digest() {
      return whole && receivedBytes === 13 ? digest : undefined;
    },
    close,
    [Symbol.asyncDispose]: close,
    async *[Symbol.asyncIterator]() {
      for (const [i, chunk] of chunks.entries()) {
        await before(i);
        receivedBytes += chunk.length;
        yield chunk;
      }
      await before(chunks.length);
    },
  };
  return {
    asked,
    closed: () => closed,
    snapshot: async (options) => {
      asked.push(options);
      return snapshot;
    },
  };
}

describe("saveSnapshot", () => {
  it("writes what it reads, and tells what that was", async () => {
    await using folder = await temporaryFolder();
    const from = source();
    const progress: SnapshotProgress[] = [];
    const saved = await saveSnapshot(from, folder.file("snap.db"), {
      endpoint: "http://member:2379",
      timeoutMs: 5_000,
      onProgress: (each) => progress.push(each),
    });
    expect(saved).toEqual({ header, version: "3.7.0", sizeBytes: 13, digest });
    expect(await readFile(folder.file("snap.db"), "utf8")).toBe("one two three");
    expect(progress).toEqual([4, 8, 13].map((receivedBytes) => ({ receivedBytes, sizeBytes: 13 })));
    expect(from.asked).toEqual([{ endpoint: "http://member:2379", timeoutMs: 5_000 }]);
    expect(from.closed()).toBe(true);
  });

  // snapshot/v3_snapshot_test.go:TestSaveSnapshotFilePermissions
  it("lets nobody but the owner read the file, neither before it is complete nor afterwards", async () => {
    await using folder = await temporaryFolder();
    // What an attempt that crashed has left, for all to read.
    await writeFile(folder.file("snap.db.part"), "old", { mode: 0o644 });
    await chmod(folder.file("snap.db.part"), 0o644);
    const modes: number[] = [];
    const mode = async (name: string): Promise<number> => (await stat(folder.file(name))).mode & 0o777;
    const from = source(async () => modes.push(await mode("snap.db.part")));
    await saveSnapshot(from, pathToFileURL(folder.file("snap.db")));
    expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
    expect(await mode("snap.db")).toBe(0o600);
    expect(await readdir(folder.path)).toEqual(["snap.db"]);
  });

  it("follows no link that waits in its way", async () => {
    await using folder = await temporaryFolder();
    await writeFile(folder.file("victim"), "precious");
    await symlink(folder.file("victim"), folder.file("snap.db.part"));
    await saveSnapshot(source(), folder.file("snap.db"));
    expect(await readFile(folder.file("victim"), "utf8")).toBe("precious");
  });

  it("replaces what was there only when it is complete", async () => {
    await using folder = await temporaryFolder();
    const file = folder.file("snap.db");
    await writeFile(file, "yesterday's");
    const seen: string[] = [];
    await saveSnapshot(
      source(async () => seen.push(await readFile(file, "utf8"))),
      file,
    );
    expect(new Set(seen)).toEqual(new Set(["yesterday's"]));
    expect(await readFile(file, "utf8")).toBe("one two three");
  });

  const lost = new EtcdError("DATA_LOSS", "wrong digest");
  it.each([0, 1, 3])("leaves nothing when the snapshot fails at chunk %i", async (at) => {
    await using folder = await temporaryFolder();
    const from = source((chunk) => {
      if (chunk === at) throw lost;
    });
    await expect(saveSnapshot(from, folder.file("snap.db"))).rejects.toBe(lost);
    expect(await readdir(folder.path)).toEqual([]);
    expect(from.closed()).toBe(true);
  });

  it("leaves nothing when the snapshot cannot be opened or has no digest", async () => {
    await using folder = await temporaryFolder();
    const refused = new EtcdError("PERMISSION_DENIED", "etcdserver: permission denied");
    await expect(
      saveSnapshot({ snapshot: () => Promise.reject(refused) }, folder.file("snap.db")),
    ).rejects.toBe(refused);
    const partial = source(() => undefined, false);
    await expect(saveSnapshot(partial, folder.file("snap.db"))).rejects.toMatchObject({ code: "DATA_LOSS" });
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("leaves nothing when the caller aborts, at once, midway or after the last byte", async () => {
    await using folder = await temporaryFolder();
    const reason = new Error("changed my mind");
    const unasked = source();
    const aborted = AbortSignal.abort(reason);
    await expect(saveSnapshot(unasked, folder.file("snap.db"), { signal: aborted })).rejects.toBe(reason);
    expect(unasked.asked).toEqual([]);
    for (const at of [1, 3]) {
      const caller = new AbortController();
      const from = source((chunk) => {
        if (chunk === at) caller.abort(reason);
      });
      const saving = saveSnapshot(from, folder.file("snap.db"), { signal: caller.signal });
      await expect(saving).rejects.toBe(reason);
    }
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("leaves nothing when the progress callback throws", async () => {
    await using folder = await temporaryFolder();
    const from = source();
    const bug = new Error("a mistake in the callback");
    const onProgress = (): never => {
      throw bug;
    };
    await expect(saveSnapshot(from, folder.file("snap.db"), { onProgress })).rejects.toBe(bug);
    expect(from.closed()).toBe(true);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("asks nobody when the file cannot be written", async () => {
    await using folder = await temporaryFolder();
    const from = source();
    await expect(saveSnapshot(from, folder.file("no/such/folder.db"))).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(from.asked).toEqual([]);
  });

  it("leaves nothing when a folder is in the place of the file", async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.file("snap.db"));
    await expect(saveSnapshot(source(), folder.file("snap.db"))).rejects.toMatchObject({ code: "EISDIR" });
    expect(await readdir(folder.path)).toEqual(["snap.db"]);
  });

  it("does not put another's unfinished file in its place", async () => {
    await using folder = await temporaryFolder();
    const part = folder.file("snap.db.part");
    const from = source(async (chunk) => {
      if (chunk !== 1) return;
      await rm(part);
      await writeFile(part, "another's");
    });
    await expect(saveSnapshot(from, folder.file("snap.db"))).rejects.toThrow(/replaced by another/);
    expect(await readdir(folder.path)).toEqual(["snap.db.part"]);
    expect(await readFile(part, "utf8")).toBe("another's");
  });

  it.each<[string, unknown, unknown?]>([
    ["an empty path", ""],
    ["no path", undefined],
    ["a URL that is no file", new URL("http://host/snap.db")],
    ["a callback that is none", "x", { onProgress: 1 }],
    ["an option that is none", "x", { idempotent: true }],
    ["a time limit of 0", "x", { timeoutMs: 0 }],
  ])("refuses %s", async (_title, file, options) => {
    const from = source();
    const saving = saveSnapshot(from, file as string, options as object);
    await expect(saving).rejects.toSatisfy(
      (error) => error instanceof TypeError || error instanceof RangeError,
    );
    expect(from.asked).toEqual([]);
  });
});
