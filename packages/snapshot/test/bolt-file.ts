import { fnv1a } from "../src/bolt/meta.js";

/** A page to be written: its number is its place in the list, counted from 2. */
export type PagePlan =
  | { readonly leaf: readonly EntryPlan[] }
  | { readonly branch: readonly (readonly [key: string, child: number])[] };

export interface EntryPlan {
  readonly key: Uint8Array | string;
  readonly value: Uint8Array | string;
  readonly isBucket?: boolean;
}

export const pageSize = 1024;

/** Builds a database file of bbolt as its format is documented, with pages of 1 KiB. */
export function boltFile(root: number, pages: readonly PagePlan[]): Buffer {
  const written = pages.map((plan, i) => pad(page(i + 2, plan)));
  const total = 2 + written.reduce((sum, bytes) => sum + bytes.length / pageSize, 0);
  return Buffer.concat([meta(0, root, total, 7n), meta(1, root, total, 6n), ...written]);
}

/** The value of a bucket that has its pages elsewhere. */
export function bucketAt(root: number): Buffer {
  const value = Buffer.alloc(16);
  value.writeBigUInt64LE(BigInt(root), 0);
  return value;
}

/** The value of a bucket that has its page with it. */
export function inlineBucket(entries: readonly EntryPlan[]): Buffer {
  return Buffer.concat([bucketAt(0), page(0, { leaf: entries })]);
}

/** A key of the bucket `key`. */
export function revisionKey(main: bigint): Buffer {
  const key = Buffer.alloc(17, 0);
  key.writeBigInt64BE(main, 0);
  key.write("_", 8);
  return key;
}

/** Computes the checksums of both records anew, after they were tampered with. */
export function resealed(file: Buffer): Buffer {
  const copy = Buffer.from(file);
  for (const start of [16, pageSize + 16]) seal(copy.subarray(start, start + 64));
  return copy;
}

function seal(record: Buffer): void {
  record.writeBigUInt64LE(fnv1a(record.subarray(0, 56)), 56);
}

function meta(id: number, root: number, pages: number, transaction: bigint): Buffer {
  const bytes = Buffer.alloc(pageSize);
  bytes.writeBigUInt64LE(BigInt(id), 0);
  bytes.writeUInt16LE(0x04, 8);
  const record = bytes.subarray(16, 80);
  record.writeUInt32LE(0xed0cdaed, 0);
  record.writeUInt32LE(2, 4);
  record.writeUInt32LE(pageSize, 8);
  record.writeBigUInt64LE(BigInt(root), 16);
  record.writeBigUInt64LE(BigInt(pages), 40);
  record.writeBigUInt64LE(transaction, 48);
  seal(record);
  return bytes;
}

function page(id: number, plan: PagePlan): Buffer {
  const header = Buffer.alloc(16);
  header.writeBigUInt64LE(BigInt(id), 0);
  const leaf = "leaf" in plan;
  header.writeUInt16LE(leaf ? 0x02 : 0x01, 8);
  const count = leaf ? plan.leaf.length : plan.branch.length;
  header.writeUInt16LE(count, 10);
  const elements: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const element = Buffer.alloc(16);
    const position = (count - i) * 16 + offset;
    const parts: Buffer[] = [];
    if (leaf) {
      const { key = "", value = "", isBucket = false } = plan.leaf[i] ?? {};
      parts.push(Buffer.from(key as string), Buffer.from(value as string));
      element.writeUInt32LE(isBucket ? 1 : 0, 0);
      element.writeUInt32LE(position, 4);
      element.writeUInt32LE(parts[0]?.length ?? 0, 8);
      element.writeUInt32LE(parts[1]?.length ?? 0, 12);
    } else {
      const [key, child] = plan.branch[i] ?? ["", 0];
      parts.push(Buffer.from(key));
      element.writeUInt32LE(position, 0);
      element.writeUInt32LE(parts[0]?.length ?? 0, 4);
      element.writeBigUInt64LE(BigInt(child), 8);
    }
    elements.push(element);
    data.push(...parts);
    offset += parts.reduce((sum, part) => sum + part.length, 0);
  }
  const bytes = Buffer.concat([header, ...elements, ...data]);
  if (id !== 0) bytes.writeUInt32LE(Math.ceil(bytes.length / pageSize) - 1, 12);
  return bytes;
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((pageSize - (bytes.length % pageSize)) % pageSize)]);
}
