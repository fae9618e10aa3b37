import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { EtcdError, isEtcdError } from "@etcdkit/core";
import { callChecks, checkOptions, optionTable } from "@etcdkit/core/spi";
import { BoltReader } from "./bolt/bolt-reader.js";
import { damage } from "./bolt/damage.js";
import type { Entry } from "./bolt/page.js";
import { crc32c } from "./crc32c.js";
import { toPath } from "./file-path.js";

/** What a snapshot file holds: the figures of `etcdutl snapshot status`. */
export interface SnapshotFileStatus {
  /** CRC-32C over all keys and values of the database: equal for equal contents. */
  readonly hash: number;
  /** The newest revision of a key; absent where the database holds none. */
  readonly revision?: bigint;
  /** Number of keys that exist at that revision. */
  readonly totalKeys: number;
  /**
   * Number of records: every revision of a key that was not compacted, deletions too, and what etcd keeps for itself. Tools
   * of etcd before 3.7 call this the total of keys.
   */
  readonly totalRecords: number;
  /** Size of the database in bytes, with its free pages and without the digest. */
  readonly totalSizeBytes: number;
  /** Version of the database's format, `3.6.0`, once the cluster has settled on one. Since etcd 3.6. */
  readonly version?: string;
  /**
   * `verified`: the file ends with its SHA-256, as saved snapshots do. `absent`: it is a mere database, as `member/snap/db`
   * of a data directory is, of which nobody can tell whether it is complete.
   */
  readonly digest: "verified" | "absent";
}

/** Options of {@link snapshotStatus}. */
export interface SnapshotStatusOptions {
  /** Ends the reading; it rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

const table = optionTable("snapshotStatus", { signal: callChecks.signal });
const blockBytes = 512;
const digestBytes = 32;
const revisionBytes = 17;
const deletionMark = 0x74;

/**
 * Reads what a snapshot file holds, and on the way whether it is whole: it compares the SHA-256 at the end and looks at
 * every record. The file is not changed. Memory is needed for the names of all keys, to count them.
 *
 * @param file - Path or `file:` URL of a file that `saveSnapshot`, `etcdctl snapshot save` or etcd itself has written.
 * @throws `EtcdError` `DATA_LOSS` for a file that is damaged or none of these; Node's own error, with `code` (`ENOENT`,
 * `EACCES`), for one that cannot be read; `options.signal.reason`.
 */
export async function snapshotStatus(
  file: string | URL,
  options?: SnapshotStatusOptions,
): Promise<SnapshotFileStatus> {
  const path = toPath(file);
  checkOptions(table, options);
  const signal = options?.signal;
  signal?.throwIfAborted();
  const handle = await open(path, "r");
  try {
    return await readStatus(handle, signal);
  } catch (error) {
    if (isEtcdError(error)) throw new EtcdError(error.code, `${path}: ${error.message}`);
    throw error;
  } finally {
    await handle.close();
  }
}

async function readStatus(handle: FileHandle, signal: AbortSignal | undefined): Promise<SnapshotFileStatus> {
  const { size } = await handle.stat();
  const rest = size % blockBytes;
  if (size < blockBytes || (rest !== 0 && rest !== digestBytes)) {
    throw damage(`the file of ${size} bytes is neither a snapshot nor a database`);
  }
  if (rest === digestBytes) await verifyDigest(handle, size - digestBytes, signal);
  const database = await BoltReader.open(handle, size - rest);
  const sum = new Summary();
  for await (const bucket of database.buckets()) {
    sum.begin(bucket.name);
    for await (const entries of bucket.entries()) {
      signal?.throwIfAborted();
      for (const entry of entries) sum.add(entry);
    }
  }
  return {
    ...sum.result(),
    totalSizeBytes: database.sizeBytes,
    digest: rest === digestBytes ? "verified" : "absent",
  };
}

async function verifyDigest(
  handle: FileHandle,
  databaseBytes: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash("sha256");
  const bytes = handle.createReadStream({ start: 0, end: databaseBytes - 1, autoClose: false });
  for await (const chunk of bytes) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  const digest = Buffer.alloc(digestBytes);
  await handle.read(digest, 0, digestBytes, databaseBytes);
  if (!hash.digest().equals(digest))
    throw damage("the database does not have the SHA-256 that the file ends with");
}

/** Adds up records, as `etcdutl` does. */
class Summary {
  #hash = 0;
  readonly #keys = new Set<string>();
  #totalRecords = 0;
  #revision: bigint | undefined;
  #version: string | undefined;
  #bucket = "";

  begin(name: Buffer): void {
    this.#hash = crc32c(name, this.#hash);
    this.#bucket = name.toString("latin1");
  }

  add({ isBucket, key, value }: Entry): void {
    this.#totalRecords += 1;
    this.#hash = crc32c(key, this.#hash);
    if (isBucket) return; // etcd nests none; bbolt shows one as a key without a value
    this.#hash = crc32c(value, this.#hash);
    if (this.#bucket === "key") {
      // Keys of this bucket are revisions in ascending order: 8 bytes, "_", 8 bytes, and "t" for a deletion.
      if (key.length < revisionBytes) throw damage("a record of the store has no revision");
      this.#revision = key.readBigInt64BE(0);
      if (key[revisionBytes] === deletionMark) this.#keys.delete(keyOf(value));
      else this.#keys.add(keyOf(value));
    } else if (this.#bucket === "meta" && key.toString("latin1") === "storageVersion") {
      this.#version = value.toString("latin1");
    }
  }

  result(): Omit<SnapshotFileStatus, "totalSizeBytes" | "digest"> {
    const [revision, version] = [this.#revision, this.#version];
    return {
      hash: this.#hash,
      totalKeys: this.#keys.size,
      totalRecords: this.#totalRecords,
      ...(revision !== undefined && { revision }),
      ...(version !== undefined && /^\d+\.\d+\.\d+/.test(version) && { version }),
    };
  }
}

/** The key in a record of the store, a `mvccpb.KeyValue`, whose first field it is. Bytes as characters. */
function keyOf(record: Buffer): string {
  if (record[0] !== 0x0a) throw damage("a record of the store has no key");
  let length = 0;
  let at = 1;
  for (let more = true; more; at++) {
    const byte = record[at] ?? 0;
    if (at > 4 || at >= record.length) throw damage("a record of the store has a key without an end");
    length |= (byte & 0x7f) << (7 * (at - 1));
    more = byte >= 0x80;
  }
  if (at + length > record.length) throw damage("a record of the store has a key without an end");
  return record.toString("latin1", at, at + length);
}
