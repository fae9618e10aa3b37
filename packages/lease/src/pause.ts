import type { Clock } from "@etcdkit/core";

/** Waits, and keeps the process alive for it; rejects with `signal.reason` as soon as that aborts. */
export function pause(clock: Clock, pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      cancel();
      signal?.removeEventListener("abort", onAbort);
      finish();
    };
    const onAbort = (): void => settle(() => reject(signal?.reason));
    const cancel = clock.setTimer(pauseMs, () => settle(resolve), true);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
  });
}
