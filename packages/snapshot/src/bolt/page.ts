import { damage } from "./damage.js";

/** A key with its value or, if so marked, with what leads to a bucket. */
export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly isBucket: boolean;
}

/** A page of a B+ tree: with entries, or with the pages below it. */
export type Page =
  | { readonly kind: "leaf"; readonly entries: readonly Entry[] }
  | { readonly kind: "branch"; readonly children: readonly number[] };

// go.etcd.io/bbolt, internal/common/page.go.
export const pageHeaderBytes = 16;
const elementBytes = 16;
const branchFlag = 0x01;
const leafFlag = 0x02;
const bucketFlag = 0x01;

/** The number that a page bears, and how many pages beyond the first it takes. */
export function readPageHeader(bytes: Buffer): { readonly id: bigint; readonly overflow: number } {
  return { id: bytes.readBigUInt64LE(0), overflow: bytes.readUInt32LE(12) };
}

/**
 * Takes a page apart, without copying any of it.
 *
 * @param bytes - The page and those that it takes beyond the first.
 * @throws `EtcdError` `DATA_LOSS` for one that points outside itself or is of no known kind.
 */
export function parsePage(bytes: Buffer): Page {
  if (bytes.length < pageHeaderBytes) throw damage("a page is cut off");
  const flags = bytes.readUInt16LE(8);
  const count = bytes.readUInt16LE(10);
  if (pageHeaderBytes + count * elementBytes > bytes.length) {
    throw damage(`a page of ${bytes.length} bytes claims ${count} elements`);
  }
  const offsets = Array.from({ length: count }, (_, i) => pageHeaderBytes + i * elementBytes);
  if (flags === leafFlag) return { kind: "leaf", entries: readEntries(bytes, offsets) };
  if (flags !== branchFlag) throw damage(`a page has the unexpected flags ${flags}`);
  return { kind: "branch", children: offsets.map((offset) => Number(bytes.readBigUInt64LE(offset + 8))) };
}

/** Entries lie one behind the other, after the list of them. If they could share bytes, a small page would hold endlessly much. */
function readEntries(bytes: Buffer, offsets: readonly number[]): readonly Entry[] {
  let free = pageHeaderBytes + offsets.length * elementBytes;
  return offsets.map((offset) => {
    const flags = bytes.readUInt32LE(offset);
    const start = offset + bytes.readUInt32LE(offset + 4);
    const middle = start + bytes.readUInt32LE(offset + 8);
    const end = middle + bytes.readUInt32LE(offset + 12);
    if (start < free) throw damage("an entry reaches into another one");
    if (end > bytes.length) throw damage("an entry reaches beyond its page");
    free = end;
    return {
      key: bytes.subarray(start, middle),
      value: bytes.subarray(middle, end),
      isBucket: (flags & bucketFlag) !== 0,
    };
  });
}
