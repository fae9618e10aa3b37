import type { WaitOptions } from "@etcdkit/concurrency";
import { delayOf, EtcdError, outcomeOf, systemClock } from "@etcdkit/core";

/**
 * Runs something that waits, with one signal for all that may end it: the caller's signal, the caller's time limit, and
 * whatever else (the end of a session). Nothing of it is left on any of them afterwards.
 *
 * @param what - What is waited for, in words that go on after "waiting for".
 * @throws (rejects) What `run` throws; the reason of whichever signal aborted, `EtcdError` `DEADLINE`.
 */
export async function within<T>(
  options: WaitOptions | undefined,
  others: readonly AbortSignal[],
  what: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { signal, timeoutMs = Number.POSITIVE_INFINITY } = options ?? {};
  // The caller's own reason wins where several have aborted already.
  const ends = signal === undefined ? others : [signal, ...others];
  for (const end of ends) end.throwIfAborted();
  // A controller of our own: links of `AbortSignal.any` would last as long as a session does.
  const unlinks = ends.map((end) => {
    const onAbort = (): void => controller.abort(end.reason);
    end.addEventListener("abort", onAbort, { once: true });
    return () => end.removeEventListener("abort", onAbort);
  });
  const limit = new EtcdError("DEADLINE", `waited ${timeoutMs} ms for ${what}`);
  if (timeoutMs !== Number.POSITIVE_INFINITY) unlinks.push(abortLater(controller, timeoutMs, limit));
  try {
    return await run(controller.signal);
  } catch (error) {
    if (error === limit) complete(limit);
    throw error;
  } finally {
    for (const unlink of unlinks) unlink();
  }
}

function abortLater(controller: AbortController, timeoutMs: number, reason: EtcdError): () => void {
  let over = false;
  const giveUp = (): void => {
    if (!over) controller.abort(reason);
  };
  // After a stall of the process, Node runs timers before it reads sockets: what is waited for may be there already.
  const cancel = systemClock.setTimer(timeoutMs, () => setImmediate(giveUp), true);
  return () => {
    over = true;
    cancel();
  };
}

/** Tells what the call knew that the time limit ended: what held it up, and what became of its write. */
function complete(limit: EtcdError): void {
  const [cause, outcome] = [delayOf(limit)?.cause, outcomeOf(limit)];
  Object.assign(limit, cause !== undefined && { cause }, outcome !== undefined && { outcome });
}

/** Settles as the promise does, or rejects with the signal's reason if that aborts first; the promise goes on then. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const done = (): void => signal.removeEventListener("abort", onAbort);
    promise.finally(done).then(resolve, reject);
  });
}
