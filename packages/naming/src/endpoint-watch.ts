import type { EndpointUpdate } from "./endpoint.js";
import type { EndpointChange } from "./endpoint-changes.js";

/**
 * The changes of a service's endpoints: an async iterable of batches, for one reader. What is done in one transaction
 * arrives in one batch, and no batch is empty.
 *
 * It begins when it is first read: a batch with what there is (none when there is nothing), then every change thereafter,
 * in order. It ends quietly on `break` and `close()`, throws `signal.reason` on abort, and an `EtcdError` when the watch
 * cannot go on.
 */
export interface EndpointWatch extends AsyncIterable<readonly EndpointUpdate[]>, AsyncDisposable {
  /** Ends the watch. Idempotent. */
  close(): Promise<void>;
}

/** Makes a watch of changes that end with a signal. */
export function endpointWatch(
  open: (signal: AbortSignal) => AsyncIterable<EndpointChange>,
  outer: AbortSignal | undefined,
): EndpointWatch {
  const closing = new AbortController();
  async function* batches(): AsyncGenerator<readonly EndpointUpdate[], void, undefined> {
    if (closing.signal.aborted) return;
    outer?.throwIfAborted();
    // One of our own for each watch: `AbortSignal.any` would leave a link on a signal that lives long.
    const reading = new AbortController();
    const onAbort = (): void => reading.abort(outer?.reason);
    const onClose = (): void => reading.abort();
    outer?.addEventListener("abort", onAbort, { once: true });
    closing.signal.addEventListener("abort", onClose, { once: true });
    try {
      for await (const { updates } of open(reading.signal)) {
        if (updates.length > 0) yield updates;
      }
    } catch (error) {
      if (closing.signal.aborted) return;
      outer?.throwIfAborted();
      throw error;
    } finally {
      outer?.removeEventListener("abort", onAbort);
      closing.signal.removeEventListener("abort", onClose);
    }
  }
  const iterator = batches();
  const close = async (): Promise<void> => {
    // What waits for a batch is woken; what waits for its reader is left.
    closing.abort();
    await iterator.return();
  };
  return {
    close,
    [Symbol.asyncDispose]: close,
    [Symbol.asyncIterator]: () => iterator,
  };
}
