import { BlockReader } from "./block-reader.js";
import { damage } from "./damage.js";
import { type Meta, readMeta } from "./meta.js";
import { type Entry, type Page, pageHeaderBytes, parsePage, readPageHeader } from "./page.js";

/** One of the sorted maps that a database consists of. */
export interface Bucket {
  readonly name: Buffer;
  /** Its entries in the order of their keys, as they lie together on pages. */
  entries(): AsyncGenerator<readonly Entry[], void, undefined>;
}

// A tree of depth 8 already has room for more pages than fit on any disk.
const deepest = 32;
// Far above what etcd stores in one value, far below what would exhaust the memory.
const longestPageBytes = 256 * 1024 * 1024;
const bucketHeaderBytes = 16;

/**
 * Reads a database file of bbolt, etcd's storage, without changing it. It trusts nothing that the file says: each page is
 * visited once at most, lies within the file and holds keys in their order, or `EtcdError` `DATA_LOSS` is thrown.
 */
export class BoltReader {
  readonly #reader: BlockReader;
  readonly #meta: Meta;
  /** A bit for each page that was visited. */
  readonly #visited: Uint8Array;

  private constructor(reader: BlockReader, meta: Meta) {
    this.#reader = reader;
    this.#meta = meta;
    this.#visited = new Uint8Array(Math.ceil(meta.pages / 8));
  }

  static async open(file: ConstructorParameters<typeof BlockReader>[0], size: number): Promise<BoltReader> {
    const reader = new BlockReader(file, size);
    return new BoltReader(reader, await readMeta(reader));
  }

  /** Size of the database in bytes, with its free pages. */
  get sizeBytes(): number {
    return this.#meta.pages * this.#meta.pageSize;
  }

  /** The buckets in the order of their names. To be walked through once. */
  async *buckets(): AsyncGenerator<Bucket, void, undefined> {
    for await (const entries of this.#sorted(this.#meta.root)) {
      for (const { isBucket, key, value } of entries) {
        if (!isBucket) throw damage("the list of buckets has an entry that is none");
        yield { name: key, entries: () => this.#bucket(value) };
      }
    }
  }

  async *#bucket(value: Buffer): AsyncGenerator<readonly Entry[], void, undefined> {
    if (value.length < bucketHeaderBytes) throw damage("a bucket is cut off");
    const root = Number(value.readBigUInt64LE(0));
    // A small bucket has its only page with it.
    yield* this.#sorted(root === 0 ? parsePage(value.subarray(bucketHeaderBytes)) : root);
  }

  async *#sorted(root: number | Page): AsyncGenerator<readonly Entry[], void, undefined> {
    let last: Buffer | undefined;
    for await (const entries of this.#leaves(root, 1)) {
      for (const { key } of entries) {
        if (last !== undefined && last.compare(key) >= 0) throw damage("keys are out of order");
        last = key;
      }
      yield entries;
    }
  }

  async *#leaves(at: number | Page, depth: number): AsyncGenerator<readonly Entry[], void, undefined> {
    if (depth > deepest) throw damage("the database is nested too deeply");
    const page = typeof at === "number" ? await this.#page(at) : at;
    if (page.kind === "leaf") yield page.entries;
    else for (const child of page.children) yield* this.#leaves(child, depth + 1);
  }

  async #page(id: number): Promise<Page> {
    const { pageSize, pages } = this.#meta;
    // The first two pages are the records of the file itself.
    if (!(id >= 2 && id < pages)) throw damage(`page ${id} does not exist`);
    const header = readPageHeader(await this.#reader.read(id * pageSize, pageHeaderBytes));
    if (header.id !== BigInt(id)) throw damage(`page ${id} says that it is page ${header.id}`);
    const length = (1 + header.overflow) * pageSize;
    if (id + header.overflow >= pages || length > longestPageBytes) {
      throw damage(`page ${id} is longer than it can be`);
    }
    for (let each = id; each <= id + header.overflow; each++) this.#visit(each);
    return parsePage(await this.#reader.read(id * pageSize, length));
  }

  #visit(id: number): void {
    const bit = 1 << (id & 7);
    const bits = this.#visited[id >> 3] ?? 0;
    if ((bits & bit) !== 0) throw damage(`page ${id} is in use twice`);
    this.#visited[id >> 3] = bits | bit;
  }
}
