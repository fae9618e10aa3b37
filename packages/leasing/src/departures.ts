/** Somebody waits for a leasing key to be deleted. */
export interface Departure {
  /** Resolves when the key was deleted after a revision; also when nobody can tell any more, so: look again. */
  after(revision: bigint): Promise<void>;
  /** To be called when it is not waited for any longer. */
  close(): void;
}

interface Watcher {
  deletedAt: bigint;
  unsure: boolean;
  wake: () => void;
}

/**
 * Deletions of leasing keys, for those who wait until an owner has let go. The watch may tell of one before the answer comes
 * that says what to wait for, so a departure is expected first, and asked about a revision later.
 */
export class Departures {
  readonly #expected = new Map<string, Set<Watcher>>();
  #over = false;

  expect(name: string): Departure {
    const watcher: Watcher = { deletedAt: 0n, unsure: this.#over, wake: () => undefined };
    const watchers = this.#expected.get(name) ?? new Set();
    watchers.add(watcher);
    this.#expected.set(name, watchers);
    return {
      async after(revision) {
        while (watcher.deletedAt <= revision && !watcher.unsure) {
          await new Promise<void>((wake) => {
            watcher.wake = wake;
          });
        }
      },
      close: () => {
        watcher.unsure = true;
        watcher.wake();
        watchers.delete(watcher);
        if (watchers.size === 0 && this.#expected.get(name) === watchers) this.#expected.delete(name);
      },
    };
  }

  /** A leasing key was deleted. */
  note(name: string, revision: bigint): void {
    for (const watcher of this.#expected.get(name) ?? []) {
      watcher.deletedAt = revision;
      watcher.wake();
    }
  }

  /** Deletions may have been missed. */
  wakeAll(): void {
    for (const watchers of this.#expected.values()) {
      for (const watcher of watchers) {
        watcher.unsure = true;
        watcher.wake();
      }
    }
  }

  /** Nobody looks any more. */
  end(): void {
    this.#over = true;
    this.wakeAll();
  }
}
