import type { BlockReader } from "./block-reader.js";
import { damage } from "./damage.js";
import { pageHeaderBytes } from "./page.js";

/** What a database file says of itself: the newest of the two records at its beginning that are whole. */
export interface Meta {
  readonly pageSize: number;
  /** The page where the list of buckets begins. */
  readonly root: number;
  /** How many pages there are, those included that are free. */
  readonly pages: number;
}

interface Candidate extends Meta {
  readonly transaction: bigint;
}

// go.etcd.io/bbolt, internal/common/meta.go: little-endian on every machine that etcd is supported on.
const magic = 0xed0cdaed;
const formatVersion = 2;
const checkedBytes = 56;
const metaBytes = checkedBytes + 8;
const smallestPage = 1024;
const largestPage = 64 * 1024;

/** @throws `EtcdError` `DATA_LOSS` when neither of the two records is whole. */
export async function readMeta(reader: BlockReader): Promise<Meta> {
  const first = await readCandidate(reader, 0);
  const candidates = [first];
  if (first !== undefined) {
    candidates.push(await readCandidate(reader, first.pageSize));
  } else {
    // The page size is that of the machine that made the file, and says where the second record is.
    for (let pageSize = smallestPage; pageSize <= largestPage; pageSize *= 2) {
      const candidate = await readCandidate(reader, pageSize);
      if (candidate?.pageSize === pageSize) candidates.push(candidate);
    }
  }
  const whole = candidates.filter((candidate) => candidate !== undefined);
  const [meta] = whole.sort((a, b) => (a.transaction < b.transaction ? 1 : -1));
  if (meta === undefined) throw damage("the file is not a database of etcd");
  if (meta.pages * meta.pageSize > reader.size) throw damage("the file is shorter than its database");
  return meta;
}

async function readCandidate(reader: BlockReader, position: number): Promise<Candidate | undefined> {
  if (position + pageHeaderBytes + metaBytes > reader.size) return undefined;
  const bytes = await reader.read(position + pageHeaderBytes, metaBytes);
  if (bytes.readUInt32LE(0) !== magic || bytes.readUInt32LE(4) !== formatVersion) return undefined;
  if (bytes.readBigUInt64LE(checkedBytes) !== fnv1a(bytes.subarray(0, checkedBytes))) return undefined;
  const pageSize = bytes.readUInt32LE(8);
  const sound = pageSize >= smallestPage && pageSize <= largestPage && (pageSize & (pageSize - 1)) === 0;
  if (!sound) return undefined;
  return {
    pageSize,
    root: Number(bytes.readBigUInt64LE(16)),
    pages: Number(bytes.readBigUInt64LE(40)),
    transaction: bytes.readBigUInt64LE(48),
  };
}

/** FNV-1a of 64 bits. */
export function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
