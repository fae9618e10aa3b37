import type { BigIntStats } from "node:fs";
import { type FileHandle, lstat, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * A file that is being written next to where it shall be: it takes its place when it is complete, or leaves nothing.
 * Nobody but its owner can read it.
 */
export class PartFile implements AsyncDisposable {
  readonly #target: string;
  readonly #path: string;
  readonly #handle: FileHandle;
  /** Tells the file from others that come to have its name. */
  readonly #identity: BigIntStats;
  #committed = false;

  private constructor(target: string, path: string, handle: FileHandle, identity: BigIntStats) {
    this.#target = target;
    this.#path = path;
    this.#handle = handle;
    this.#identity = identity;
  }

  /** Begins `<target>.part`. What an attempt that crashed has left there goes. */
  static async create(target: string): Promise<PartFile> {
    const path = `${target}.part`;
    await rm(path, { force: true });
    // Made anew: a file or link that is there already could be readable for others, or lead elsewhere.
    const handle = await open(path, "wx", 0o600);
    return new PartFile(target, path, handle, await handle.stat({ bigint: true }));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle.writeFile(bytes);
  }

  /**
   * Puts the file in its place, in one step and on the disk.
   *
   * @throws Error when somebody else has begun the same file meanwhile.
   */
  async commit(): Promise<void> {
    await this.#handle.sync();
    if (!(await this.#isOurs())) throw new Error(`${this.#path} was replaced by another program`);
    await this.#handle.close();
    await rename(this.#path, this.#target);
    this.#committed = true;
    await syncDirectory(dirname(this.#target));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#committed) return;
    // What went wrong before is what counts.
    const ours = await this.#isOurs().catch(() => false);
    await this.#handle.close().catch(() => undefined);
    if (ours) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #isOurs(): Promise<boolean> {
    const there = await lstat(this.#path, { bigint: true });
    return there.ino === this.#identity.ino && there.dev === this.#identity.dev;
  }
}

/** Makes a renaming last. Not every system can; the file is complete at its place all the same. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch {
    // Windows opens no directories, and some file systems cannot sync them.
  }
}
