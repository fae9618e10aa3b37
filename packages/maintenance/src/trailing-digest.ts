import { createHash } from "node:crypto";
import { EtcdError } from "@etcdkit/core";

/** A snapshot is a database file, whose pages fill whole blocks of a disk, and the SHA-256 of it. */
const blockBytes = 512;
const digestBytes = 32;

/** Checks, as bytes pass by, that the last 32 of them are the SHA-256 of all before. */
export class TrailingDigest {
  readonly #hash = createHash("sha256");
  /** The last bytes so far, which are no part of what is hashed should nothing follow. */
  #tail: Uint8Array = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  take(chunk: Uint8Array): void {
    this.#size += chunk.length;
    if (chunk.length >= digestBytes) {
      this.#hash.update(this.#tail);
      this.#hash.update(chunk.subarray(0, -digestBytes));
      // A copy: the chunk is the caller's, and large.
      this.#tail = chunk.slice(-digestBytes);
      return;
    }
    const joined = Buffer.concat([this.#tail, chunk]);
    const settled = Math.max(joined.length - digestBytes, 0);
    this.#hash.update(joined.subarray(0, settled));
    this.#tail = new Uint8Array(joined.subarray(settled));
  }

  /**
   * To be called at the end.
   *
   * @returns The digest.
   * @throws `EtcdError` `DATA_LOSS` when the bytes do not end with it.
   */
  verify(): Uint8Array {
    if (this.#size < blockBytes || this.#size % blockBytes !== digestBytes) {
      throw new EtcdError("DATA_LOSS", `the snapshot has no SHA-256 at its end, after ${this.#size} bytes`);
    }
    if (!this.#hash.digest().equals(this.#tail)) {
      throw new EtcdError(
        "DATA_LOSS",
        `the snapshot of ${this.#size} bytes does not have the SHA-256 that it ends with`,
      );
    }
    return this.#tail;
  }
}
