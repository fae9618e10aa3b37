import { EtcdError, type WaitOptions } from "@etcdkit/core";
import type { Lock, Mutex } from "./mutex.js";

/**
 * Runs a function while it holds a lock: waits for the lock, runs it, and releases the lock in the end.
 *
 * `work` is to stop when `lock.signal` aborts, and to write through `lock.guard(kv)`: nobody can stop it from outside, and
 * the result is waited for. What it returns counts only if the lock was held all the time.
 *
 * A release that fails is not told: the work is done, and the lock is released in the background.
 *
 * @param options - Of the wait for the lock.
 * @returns What `work` returned.
 * @throws (rejects) As {@link Mutex.lock}; what `work` throws, but the loss where that is an abort because of it; the reason
 * of `lock.signal` when the lock was lost meanwhile; `NOT_HOLDER` when it cannot be told any more that it was not.
 */
export async function withLock<T>(
  mutex: Mutex,
  work: (lock: Lock) => T | Promise<T>,
  options?: WaitOptions,
): Promise<T> {
  if (typeof mutex?.lock !== "function") throw new TypeError("mutex must be a Mutex");
  if (typeof work !== "function") throw new TypeError("work must be a function");
  const lock = await mutex.lock(options);
  try {
    const result = await work(lock);
    lock.signal.throwIfAborted();
    if (!lock.isHeld()) throw new EtcdError("NOT_HOLDER", "the lock may have been lost meanwhile");
    return result;
  } catch (error) {
    // Node's own functions reject with an `AbortError`, of which the reason is only the cause.
    if (lock.signal.aborted && error instanceof Error && error.cause === lock.signal.reason)
      throw error.cause;
    throw error;
  } finally {
    await lock.unlock().catch(() => undefined);
  }
}
