/**
 * The requests of a stream, of which each attempt to open it gets a view. A transport finishes the iterator that it was
 * given when its attempt fails; as long as it took no request, that must not reach the caller's iterable: the next
 * attempt would have nothing left to send.
 */
export class RequestSource<T> {
  readonly #requests: AsyncIterable<T>;
  #iterator: AsyncIterator<T> | undefined;
  #finished = false;

  constructor(requests: AsyncIterable<T>) {
    this.#requests = requests;
  }

  /** Whether no request was ever asked for, so that another attempt can begin at the first. */
  get untouched(): boolean {
    return this.#iterator === undefined;
  }

  /** The requests for one attempt: none any more once `over` has aborted. */
  view(over: AbortSignal): AsyncIterable<T> {
    const iterator: AsyncIterator<T> = {
      next: async () => {
        if (over.aborted || this.#finished) return { done: true, value: undefined };
        this.#iterator ??= this.#requests[Symbol.asyncIterator]();
        return await this.#iterator.next();
      },
      return: async (value?: unknown) => {
        if (!this.untouched) await this.#finish(value);
        return { done: true, value };
      },
      throw: async (reason: unknown) => {
        if (this.#iterator?.throw === undefined || this.#finished) {
          if (!this.untouched) await this.#finish(undefined);
          throw reason;
        }
        this.#finished = true;
        return await this.#iterator.throw(reason);
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** No attempt will follow: the caller's iterable may clean up behind itself. */
  close(): void {
    if (this.#finished) return;
    this.#iterator ??= this.#requests[Symbol.asyncIterator]();
    // Whatever goes wrong there, there is nobody left to tell.
    this.#finish(undefined).catch(() => undefined);
  }

  async #finish(value: unknown): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.#iterator?.return?.(value);
  }
}
