import type { WatchSink } from "../clients/driver.js";

/**
 * Counts events in rounds: in each, every watch has to have exactly one more.
 */
export class Rounds implements WatchSink {
  readonly #seen: Uint32Array;
  readonly #valueBytes: number;
  #round = 0;
  #left = 0;
  #failure: Error | undefined;
  #settle: { resolve(count: number): void; reject(error: unknown): void } | undefined;

  /** @param valueBytes - What every event must have. */
  constructor(watches: number, valueBytes: number) {
    this.#seen = new Uint32Array(watches);
    this.#valueBytes = valueBytes;
  }

  /**
   * Begins the next round; one at a time.
   *
   * @returns Resolves with the number of watches when all have had their event.
   * @throws (rejects) Error when a watch has ended, has an event too many, or one with another value.
   */
  next(): Promise<number> {
    this.#round++;
    this.#left = this.#seen.length;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (this.#failure !== undefined) reject(this.#failure);
    });
  }

  /** @throws Error when there was something else than the events of the rounds. */
  verify(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const wrong = this.#seen.findIndex((count) => count !== this.#round);
    if (wrong >= 0) {
      throw new Error(`watch ${wrong} has seen ${this.#seen[wrong]} events instead of ${this.#round}`);
    }
  }

  event(watch: number, valueBytes: number): void {
    const seen = (this.#seen[watch] ?? 0) + 1;
    this.#seen[watch] = seen;
    if (seen !== this.#round) {
      this.#fail(new Error(`watch ${watch} has seen ${seen} events instead of ${this.#round}`));
    } else if (valueBytes !== this.#valueBytes) {
      this.#fail(
        new Error(`watch ${watch} has a value of ${valueBytes} bytes instead of ${this.#valueBytes}`),
      );
    } else if (--this.#left === 0) {
      this.#settle?.resolve(this.#seen.length);
    }
  }

  failed(error: unknown): void {
    this.#fail(new Error("a watch has ended by itself", { cause: error }));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#settle?.reject(this.#failure);
  }
}
