import type { Clock } from "@etcdkit/transport";

/** Waits `delayMs`, or rejects with `signal.reason` as soon as it aborts. Keeps the process alive unless told not to. */
export function sleep(
  clock: Clock,
  delayMs: number,
  signal: AbortSignal | undefined,
  keepAlive = true,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.setTimer(
      delayMs,
      () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      },
      keepAlive,
    );
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
