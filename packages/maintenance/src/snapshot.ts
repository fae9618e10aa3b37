import { type Connection, EtcdError, type ResponseHeader } from "@etcdkit/core";
import { Maintenance, type SnapshotResponse } from "@etcdkit/core/protocol";
import { headerOf, openServerStream, type ServerStream } from "@etcdkit/core/spi";
import type { SnapshotOptions } from "./maintenance.js";
import { TrailingDigest } from "./trailing-digest.js";

/**
 * A copy of a member's database, as a stream of bytes: the database file and, in the last 32 bytes, its SHA-256. This is
 * what `etcdctl snapshot save` writes into a file.
 *
 * It is read once. What is not read yet waits at the server, so a slow reader needs no memory. The loop ends without an
 * error only after the last byte, when the digest was found right; otherwise it throws: `EtcdError` `DATA_LOSS` for bytes
 * that are missing or wrong, `UNAVAILABLE` for a broken link, `DEADLINE`, `CLOSED`, or the caller's `signal.reason`.
 * Leaving the loop ends the request.
 */
export interface Snapshot extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Members send none with a snapshot so far: every field is zero. */
  readonly header: ResponseHeader;
  /** Version of the database's format, `3.6.0`. Since etcd 3.6. */
  readonly version?: string;
  /** How many bytes it has, the digest included. */
  readonly sizeBytes: number;
  /** How many of them were read so far. */
  readonly receivedBytes: number;
  /** The SHA-256 of the database, 32 bytes, once the last byte was read. */
  readonly digest: Uint8Array | undefined;
  /** Ends the request. A loop under way throws `CLOSED`. Idempotent. */
  close(): Promise<void>;
}

const digestBytes = 32;

/** Opens a snapshot and waits for its first part. */
export async function openSnapshot(
  transport: Connection["transport"],
  options: SnapshotOptions | undefined,
): Promise<Snapshot> {
  const stream = await openServerStream(transport, Maintenance.method.snapshot, {}, options);
  const first = await stream.next();
  if (first === undefined)
    throw new EtcdError("DATA_LOSS", "the member ended the snapshot before its first byte");
  return new SnapshotStream(stream, first);
}

class SnapshotStream implements Snapshot {
  readonly header: ResponseHeader;
  declare readonly version?: string;
  readonly sizeBytes: number;
  readonly #stream: ServerStream<SnapshotResponse>;
  readonly #check = new TrailingDigest();
  #first: SnapshotResponse | undefined;
  #digest: Uint8Array | undefined;
  #read = false;

  constructor(stream: ServerStream<SnapshotResponse>, first: SnapshotResponse) {
    this.#stream = stream;
    this.#first = first;
    this.header = headerOf(first);
    if (first.version !== "") this.version = first.version;
    this.sizeBytes = Number(first.remainingBytes) + first.blob.length + digestBytes;
  }

  get receivedBytes(): number {
    return this.#check.size;
  }

  get digest(): Uint8Array | undefined {
    return this.#digest;
  }

  async close(): Promise<void> {
    await this.#stream.end(new EtcdError("CLOSED", "the snapshot was closed before its end"));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    // A second loop would find nothing, and take that for a snapshot.
    if (this.#read) throw new TypeError("the snapshot can be read only once");
    this.#read = true;
    return this.#chunks();
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let next = await this.#next(); next !== undefined; next = await this.#next()) {
        if (next.blob.length === 0) continue;
        this.#check.take(next.blob);
        yield next.blob;
      }
      this.#digest = this.#check.verify();
    } finally {
      await this.close();
    }
  }

  async #next(): Promise<SnapshotResponse | undefined> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? (await this.#stream.next());
  }
}
