/**
 * The caller's requests of a streaming call. Leaves the iteration as `for await` would: a source that has not come to its
 * end by itself is told once that nobody asks any more. What it does then, or fails to do, is its own affair.
 */
export class RequestSource<T> {
  readonly #iterator: AsyncIterator<T>;
  #over = false;

  constructor(input: AsyncIterable<T>) {
    this.#iterator = input[Symbol.asyncIterator]();
  }

  /** The next request. Rejects as the source does, and with a `TypeError` when it is no async iterator. */
  async next(): Promise<IteratorResult<T>> {
    try {
      const next = await this.#iterator.next();
      if (next.done === true) this.#over = true;
      return next;
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  async leave(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    try {
      await this.#iterator.return?.();
    } catch {
      // The call has ended; there is nobody to tell.
    }
  }
}
