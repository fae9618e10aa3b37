/**
 * The messages of an answer, which tell when they are over: read to the end, failed, left by their reader, or ended by
 * `signal`, whose reason they throw then. They do nothing else to what they read, so that a reader may leave while a
 * message is waited for.
 */
export function heldMessages<M>(
  messages: AsyncIterable<M>,
  signal: AbortSignal | undefined,
  over: () => void,
): AsyncIterable<M> {
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    signal?.removeEventListener("abort", release);
    over();
  };
  signal?.addEventListener("abort", release, { once: true });
  if (signal?.aborted) release();
  return {
    [Symbol.asyncIterator](): AsyncIterator<M> {
      const source = messages[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const result = await source.next();
            if (result.done === true) release();
            return result;
          } catch (error) {
            release();
            signal?.throwIfAborted();
            throw error;
          }
        },
        async return(value?: unknown) {
          release();
          await source.return?.();
          return { done: true, value };
        },
      };
    },
  };
}
