/** Lets tasks run one after the other, first come, first served. Who is aborted while waiting leaves the line. */
export class Turns {
  readonly #line = new Set<() => void>();
  #taken = false;

  /** @throws (rejects) What the task throws; `signal.reason` when it aborts before the task began. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#taken) await this.#turn(signal);
    this.#taken = true;
    try {
      return await task();
    } finally {
      this.#pass();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.#line.delete(begin);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#line.add(begin);
    });
  }

  /** The turn stays taken when there is a next one: nobody who comes in between gets ahead of it. */
  #pass(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#taken = false;
      return;
    }
    this.#line.delete(next);
    next();
  }
}
