import { holds, type NameRange } from "./leasing-keys.js";

/**
 * While a write of ours is under way, nobody can say what its keys are: reads from memory wait, and no key is acquired.
 * Writes are counted, so that overlapping ones keep a gate closed until the last is done.
 */
export class WriteGates {
  /** The ends of the writes that are under way. */
  readonly #keys = new Map<string, Set<Promise<void>>>();
  readonly #ranges = new Map<NameRange, Promise<void>>();

  /** Closes the gates of keys and ranges. @returns What opens them again, to be called once. */
  close(names: Iterable<string>, ranges: readonly NameRange[]): () => void {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const closed = [...names];
    for (const name of closed) {
      const writes = this.#keys.get(name) ?? new Set();
      this.#keys.set(name, writes.add(ended));
    }
    for (const range of ranges) this.#ranges.set(range, ended);
    return () => {
      for (const name of closed) {
        const writes = this.#keys.get(name);
        if (writes?.delete(ended) === true && writes.size === 0) this.#keys.delete(name);
      }
      for (const range of ranges) this.#ranges.delete(range);
      end();
    };
  }

  /** Whether a write of a key is under way. */
  isClosed(name: string): boolean {
    if (this.#keys.has(name)) return true;
    for (const range of this.#ranges.keys()) if (holds(range, name)) return true;
    return false;
  }

  /**
   * Resolves when those writes of a key are done that are under way now. Others may have begun meanwhile: who waited for all
   * of them might wait for ever.
   */
  async passed(name: string): Promise<void> {
    const ends = [...(this.#keys.get(name) ?? [])];
    for (const [range, ended] of this.#ranges) if (holds(range, name)) ends.push(ended);
    await Promise.all(ends);
  }
}
