/**
 * A signal that aborts with any of several others, and can be ended before them. Once it has aborted or been released it has
 * left nothing on the others, which may live for as long as the program.
 */
export class Lifetime {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #onAbort = (): void => this.end(this.#sources.find((source) => source.aborted)?.reason);

  constructor(...sources: readonly (AbortSignal | undefined)[]) {
    this.#sources = sources.filter((source) => source !== undefined);
    for (const source of this.#sources) source.addEventListener("abort", this.#onAbort, { once: true });
    if (this.#sources.some((source) => source.aborted)) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts the signal, unless it has aborted already. */
  end(reason?: unknown): void {
    this.release();
    this.#controller.abort(reason);
  }

  /** Follows the others no longer. */
  release(): void {
    for (const source of this.#sources) source.removeEventListener("abort", this.#onAbort);
  }
}
