import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { isEtcdError } from "@etcdkit/core";
import { KeyValueSchema } from "@etcdkit/core/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  boltFile,
  bucketAt,
  type EntryPlan,
  inlineBucket,
  type PagePlan,
  pageSize,
  resealed,
  revisionKey,
} from "../test/bolt-file.js";
import { type TemporaryFolder, temporaryFolder } from "../test/temporary-folder.js";
import { crc32c } from "./crc32c.js";
import { type SnapshotFileStatus, snapshotStatus } from "./snapshot-status.js";

const meta: readonly EntryPlan[] = [
  { key: "consistent_index", value: Buffer.alloc(8) },
  { key: "storageVersion", value: "3.7.0" },
];
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const record = (key: string, value = ""): Uint8Array =>
  toBinary(KeyValueSchema, create(KeyValueSchema, { key: text(key), value: text(value), version: 1n }));
const longKey = "k".repeat(300);
const two: EntryPlan = { key: revisionKey(2n), value: record("a") };
const five: EntryPlan = { key: revisionKey(5n), value: record(longKey, "x".repeat(3_000)) };
const eight: EntryPlan = { key: revisionKey(8n), value: record("a", "again") };
const nine: EntryPlan = { key: Buffer.concat([revisionKey(9n), text("t")]), value: record("a") };
const revisions = [two, five, eight, nine];

/** A database as etcd's are: a bucket on pages of its own, one with its page in it, and an empty one. */
const pages: readonly PagePlan[] = [
  {
    leaf: [
      { key: "key", value: bucketAt(3), isBucket: true },
      { key: "lease", value: inlineBucket([]), isBucket: true },
      { key: "meta", value: inlineBucket(meta), isBucket: true },
    ],
  },
  {
    branch: [
      ["", 4],
      ["5", 5],
    ],
  },
  { leaf: [two] },
  { leaf: [five, eight, nine] }, // on four pages, because of the big value
];
const database = boltFile(2, pages);
const expected: SnapshotFileStatus = {
  hash: ["key", ...revisions, "lease", "meta", ...meta]
    .flatMap((part) => (typeof part === "string" ? [part] : [part.key, part.value]))
    .reduce<number>((crc, part) => crc32c(Buffer.from(part as string), crc), 0),
  revision: 9n,
  totalKeys: 1,
  totalRecords: 6,
  totalSizeBytes: database.length,
  version: "3.7.0",
  digest: "absent",
};

const withDigest = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, createHash("sha256").update(bytes).digest()]);

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

let count = 0;
async function saved(bytes: Uint8Array): Promise<string> {
  count += 1;
  const file = folder.file(`${count}.db`);
  await writeFile(file, bytes);
  return file;
}

const statusOf = async (bytes: Uint8Array): Promise<SnapshotFileStatus> =>
  await snapshotStatus(await saved(bytes));

describe("snapshotStatus", () => {
  it("tells hash, revision, how many keys and records, size and version", async () => {
    expect(await statusOf(database)).toEqual(expected);
  });

  it("takes a path or a URL", async () => {
    expect(await snapshotStatus(pathToFileURL(await saved(database)))).toEqual(expected);
  });

  it("verifies the digest of a saved snapshot", async () => {
    expect(await statusOf(withDigest(database))).toEqual({ ...expected, digest: "verified" });
    const bytes = withDigest(database);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await expect(statusOf(bytes)).rejects.toMatchObject({ code: "DATA_LOSS", message: /SHA-256/ });
  });

  // Upstream's once changed the file (etcd issue 8815).
  it("leaves the file as it is", async () => {
    const file = await saved(withDigest(database));
    const before = await stat(file, { bigint: true });
    await snapshotStatus(file);
    expect((await stat(file, { bigint: true })).mtimeNs).toBe(before.mtimeNs);
    expect(await readFile(file)).toEqual(withDigest(database));
  });

  it("tells no revision and no version where the database has none", async () => {
    const empty = boltFile(2, [{ leaf: [{ key: "key", value: inlineBucket([]), isBucket: true }] }]);
    expect(await statusOf(empty)).toEqual({
      hash: crc32c(Buffer.from("key")),
      totalKeys: 0,
      totalRecords: 0,
      totalSizeBytes: empty.length,
      digest: "absent",
    });
  });

  it("counts a bucket within a bucket as a key without a value, as etcd's own tool does", async () => {
    const outer = inlineBucket([{ key: "inner", value: inlineBucket([]), isBucket: true }]);
    const { hash, totalRecords } = await statusOf(
      boltFile(2, [{ leaf: [{ key: "outer", value: outer, isBucket: true }] }]),
    );
    expect([hash, totalRecords]).toEqual([crc32c(Buffer.from("outerinner")), 1]);
  });

  it("reads what the newer of the two records at the beginning says, and does with one", async () => {
    for (const broken of [0, 1]) {
      const bytes = Buffer.from(database);
      bytes.fill(0xff, broken * pageSize + 16, broken * pageSize + 80);
      expect(await statusOf(bytes)).toEqual(expected);
    }
    const older = Buffer.from(database);
    older.writeBigUInt64LE(99n, pageSize + 16 + 16); // the second is of an earlier transaction: its root does not count
    expect(await statusOf(resealed(older))).toEqual(expected);
  });

  it("throws the caller's reason when that aborts", async () => {
    const reason = new Error("enough");
    const file = await saved(withDigest(database));
    await expect(snapshotStatus(file, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const caller = new AbortController();
    const reading = snapshotStatus(file, { signal: caller.signal });
    caller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  it("throws Node's error for a file that is not there", async () => {
    await expect(snapshotStatus(folder.file("missing"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it.each<[string, unknown, unknown?]>([
    ["an empty path", ""],
    ["no path", undefined],
    ["a path with a zero byte", "a\0b"],
    ["an option that is none", "x", { timeoutMs: 1 }],
    ["a signal that is none", "x", { signal: {} }],
  ])("refuses %s", async (_title, file, options) => {
    await expect(snapshotStatus(file as string, options as object)).rejects.toThrow(TypeError);
  });
});

describe("a damaged file", () => {
  const leafOf = (entries: readonly EntryPlan[]): Buffer =>
    boltFile(2, [{ leaf: [{ key: "key", value: bucketAt(3), isBucket: true }] }, { leaf: entries }]);

  /** Two entries, the value of the first of which goes on over the second. */
  const overlapping = leafOf([two, nine]);
  const lengthAt = 3 * pageSize + 16 + 12;
  overlapping.writeUInt32LE(overlapping.readUInt32LE(lengthAt) + 1, lengthAt);

  /** The database with a change to the page of this number. */
  function tampered(page: number, change: (bytes: Buffer) => void): Buffer {
    const copy = Buffer.from(database);
    change(copy.subarray(page * pageSize, (page + 1) * pageSize));
    return copy;
  }

  it.each<[string, Uint8Array]>([
    ["is empty", new Uint8Array(0)],
    ["is text", Buffer.from("hello\n".repeat(512))],
    ["is zeros", Buffer.alloc(16 * pageSize)],
    ["is cut off within a block", database.subarray(0, -100)],
    ["is cut off between blocks", database.subarray(0, -512)],
    ["is cut off after its records", database.subarray(0, 2 * pageSize)],
    ["has no whole record", tampered(0, (bytes) => bytes.fill(0)).fill(0, pageSize, 2 * pageSize)],
    ["has pages in a circle", boltFile(2, [{ branch: [["", 2]] }])],
    [
      "uses a page twice",
      boltFile(2, [
        {
          branch: [
            ["", 3],
            ["a", 3],
          ],
        },
        { leaf: [] },
      ]),
    ],
    ["points to a page beyond its end", boltFile(2, [{ branch: [["", 99]] }])],
    ["points to a record as if it were a page", boltFile(2, [{ branch: [["", 1]] }])],
    ["has its root beyond its end", boltFile(99, [{ leaf: [] }])],
    ["has a page under another number", tampered(4, (bytes) => bytes.writeBigUInt64LE(3n, 0))],
    ["has a page of another kind", tampered(4, (bytes) => bytes.writeUInt16LE(0x10, 8))],
    ["has a page with too many elements", tampered(4, (bytes) => bytes.writeUInt16LE(65_535, 10))],
    ["has a page that is longer than the rest", tampered(4, (bytes) => bytes.writeUInt32LE(2 ** 32 - 1, 12))],
    ["has an entry beyond its page", tampered(4, (bytes) => bytes.writeUInt32LE(2 ** 32 - 1, 16 + 4))],
    ["has a value beyond its page", tampered(4, (bytes) => bytes.writeUInt32LE(1_000, 16 + 12))],
    ["has entries that share bytes", overlapping],
    ["has its keys out of order", leafOf([nine, two])],
    ["has a key twice", leafOf([two, two])],
    ["has a revision that is too short", leafOf([{ key: "short", value: "" }])],
    ["has a record that is empty", leafOf([{ key: revisionKey(2n), value: "" }])],
    ["has a record without a key", leafOf([{ key: revisionKey(2n), value: text("\u0010\u0001") }])],
    [
      "has a record whose key is cut off",
      leafOf([{ key: revisionKey(2n), value: record("abc").subarray(0, 4) }]),
    ],
    [
      "has a record that ends in its key's length",
      leafOf([{ key: revisionKey(2n), value: Buffer.from([0x0a, 0xff]) }]),
    ],
    [
      "has a key of endless length",
      leafOf([{ key: revisionKey(2n), value: Buffer.from("0affffffffff", "hex") }]),
    ],
    ["has a record among its buckets", boltFile(2, [{ leaf: [{ key: "key", value: "no bucket" }] }])],
    ["has a bucket that is cut off", boltFile(2, [{ leaf: [{ key: "key", value: "x", isBucket: true }] }])],
    [
      "has a bucket whose page is cut off",
      boltFile(2, [{ leaf: [{ key: "key", value: bucketAt(0), isBucket: true }] }]),
    ],
  ])("is told from a good one when it %s", async (_title, bytes) => {
    await expect(statusOf(bytes)).rejects.toMatchObject({ code: "DATA_LOSS", message: /\.db: / });
  });

  it("is one whose records claim more pages than it has", async () => {
    const bytes = Buffer.from(database);
    for (const start of [16, pageSize + 16]) bytes.writeBigUInt64LE(2n ** 63n, start + 40);
    await expect(statusOf(resealed(bytes))).rejects.toMatchObject({ code: "DATA_LOSS" });
  });

  it("is one whose records claim pages of no size", async () => {
    for (const size of [0, 1, 1_000, 2 ** 31]) {
      const bytes = Buffer.from(database);
      for (const start of [16, pageSize + 16]) bytes.writeUInt32LE(size, start + 8);
      await expect(statusOf(resealed(bytes))).rejects.toMatchObject({ code: "DATA_LOSS" });
    }
  });

  it("never makes anything else than DATA_LOSS of a changed byte, or an answer", async () => {
    const file = await saved(database);
    let damaged = 0;
    // Records, and every page with its elements; of the big value a part stands for all.
    const places = Array.from({ length: 6 * pageSize }, (_, i) => i).filter((i) => i % pageSize < 200);
    for (const place of places) {
      const bytes = Buffer.from(database);
      bytes[place] = (bytes[place] ?? 0) ^ 0xff;
      await writeFile(file, bytes);
      try {
        await snapshotStatus(file);
      } catch (error) {
        if (!isEtcdError(error, "DATA_LOSS")) throw error;
        damaged += 1;
      }
    }
    expect(damaged).toBeGreaterThan(100);
  }, 60_000);
});
