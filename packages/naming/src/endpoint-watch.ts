import { CallLimits } from "@etcdkit/core/spi";
import type { EndpointUpdate } from "./endpoint.js";
import type { EndpointChange } from "./endpoint-changes.js";

/**
 * The changes of a service's endpoints: an async iterable of batches, for one reader. What is done in one transaction
 * arrives in one batch, and no batch is empty.
 *
 * It begins when it is first read: a batch with what there is (none when there is nothing), then every change thereafter,
 * in order. It ends quietly on `break`, on `close()` and with the watcher that it stands on, throws `signal.reason` on
 * abort, and an `EtcdError` when the watch cannot go on.
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
    const limits = new CallLimits("watch", { signal: outer });
    limits.follow(closing.signal);
    try {
      for await (const { updates } of open(limits.signal)) {
        if (updates.length > 0) yield updates;
      }
    } catch (error) {
      if (closing.signal.aborted) return;
      outer?.throwIfAborted();
      throw error;
    } finally {
      limits.end();
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
