import type { FileHandle } from "node:fs/promises";
import { damage } from "./damage.js";

const blockBytes = 64 * 1024;
const mostBlocks = 256;

/**
 * Reads pieces of a file that follow each other more often than not: by blocks, of which those used last are kept. What it
 * hands out is never written to again.
 */
export class BlockReader {
  readonly #file: FileHandle;
  /** The file's size in bytes, when reading began. */
  readonly size: number;
  /** The block used longest ago comes first. */
  readonly #blocks = new Map<number, Buffer>();

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** @throws `EtcdError` `DATA_LOSS` where the file has no such bytes. */
  async read(position: number, length: number): Promise<Buffer> {
    if (position + length > this.size) throw damage("the file ends in the middle of its database");
    const first = Math.floor(position / blockBytes);
    const start = position - first * blockBytes;
    if (start + length <= blockBytes) return (await this.#block(first)).subarray(start, start + length);
    return await this.#load(position, length);
  }

  async #block(index: number): Promise<Buffer> {
    const known = this.#blocks.get(index);
    if (known !== undefined) {
      this.#blocks.delete(index);
      this.#blocks.set(index, known);
      return known;
    }
    const position = index * blockBytes;
    const block = await this.#load(position, Math.min(blockBytes, this.size - position));
    this.#blocks.set(index, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > mostBlocks && oldest !== undefined) this.#blocks.delete(oldest);
    return block;
  }

  async #load(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#file.read(buffer, filled, length - filled, position + filled);
      if (bytesRead === 0) throw damage("the file became shorter while it was read");
      filled += bytesRead;
    }
    return buffer;
  }
}
