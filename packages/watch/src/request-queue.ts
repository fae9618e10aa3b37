/** Requests on their way into a stream: pushed from anywhere, taken by the transport. */
export class RequestQueue<T> implements AsyncIterable<T> {
  readonly #requests: T[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  push(request: T): void {
    if (this.#closed) return;
    this.#requests.push(request);
    this.#wake?.();
  }

  /** Ends the requests; what was not taken is dropped. */
  close(): void {
    this.#closed = true;
    this.#requests.length = 0;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    while (!this.#closed) {
      const request = this.#requests.shift();
      if (request !== undefined) {
        yield request;
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
