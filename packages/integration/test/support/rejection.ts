import { type EtcdError, isEtcdError } from "@etcdkit/core";

/** How a call ended that was to fail. */
export interface Rejection {
  readonly error: EtcdError;
  readonly afterMs: number;
}

/** Waits for a call to reject with an `EtcdError`; anything else fails the case. */
export async function rejection(call: () => Promise<unknown>): Promise<Rejection> {
  const startMs = performance.now();
  try {
    await call();
  } catch (error) {
    if (!isEtcdError(error)) throw error;
    return { error, afterMs: performance.now() - startMs };
  }
  throw new Error("the call was to be rejected, and succeeded");
}
