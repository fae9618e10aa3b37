import { holds, type NameRange } from "./leasing-keys.js";

interface Gate {
  /** The writes that are under way. */
  writes: number;
  readonly opened: Promise<void>;
  readonly open: () => void;
}

/**
 * While a write of ours is under way, nobody can say what its keys are: reads from memory wait, and no key is acquired.
 * Writes are counted, so that overlapping ones keep a gate closed until the last is done.
 */
export class WriteGates {
  readonly #keys = new Map<string, Gate>();
  readonly #ranges = new Map<NameRange, Gate>();

  /** Closes the gates of keys and ranges. @returns What opens them again, to be called once. */
  close(names: Iterable<string>, ranges: readonly NameRange[]): () => void {
    const closed = [...names];
    for (const name of closed) {
      const gate = this.#keys.get(name) ?? newGate();
      gate.writes += 1;
      this.#keys.set(name, gate);
    }
    for (const range of ranges) this.#ranges.set(range, newGate());
    return () => {
      for (const name of closed) {
        const gate = this.#keys.get(name);
        if (gate === undefined) continue;
        gate.writes -= 1;
        if (gate.writes > 0) continue;
        this.#keys.delete(name);
        gate.open();
      }
      for (const range of ranges) {
        const gate = this.#ranges.get(range);
        this.#ranges.delete(range);
        gate?.open();
      }
    };
  }

  /** Where the gate of a key is closed: what resolves when that may have changed. */
  closed(name: string): Promise<void> | undefined {
    const gate = this.#keys.get(name);
    if (gate !== undefined) return gate.opened;
    for (const [range, { opened }] of this.#ranges) if (holds(range, name)) return opened;
    return undefined;
  }
}

function newGate(): Gate {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { writes: 0, opened, open };
}
