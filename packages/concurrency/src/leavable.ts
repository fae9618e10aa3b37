/**
 * An async iterable over generators that wait: leaving one ends its wait, where a generator by itself would queue the
 * `return` behind the `next` under way. The iteration throws `outer.reason` when that aborts.
 *
 * @param begin - Makes the generator of an iteration; its signal ends what it waits for.
 */
export function leavable<T>(
  begin: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  outer: AbortSignal | undefined,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator](): AsyncIterator<T, void, undefined> {
      const controller = new AbortController();
      const values = untilLeft(begin, outer, controller);
      return {
        next: () => values.next(),
        return() {
          controller.abort(left);
          return values.return();
        },
      };
    },
  };
}

const left = new Error("the iteration was left");

async function* untilLeft<T>(
  begin: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>,
  outer: AbortSignal | undefined,
  controller: AbortController,
): AsyncGenerator<T, void, undefined> {
  outer?.throwIfAborted();
  const onAbort = (): void => controller.abort(outer?.reason);
  outer?.addEventListener("abort", onAbort, { once: true });
  try {
    yield* begin(controller.signal);
  } catch (error) {
    if (error !== left) throw error;
  } finally {
    outer?.removeEventListener("abort", onAbort);
  }
}
