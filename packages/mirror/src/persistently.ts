import { type Clock, type EtcdError, type GrpcStatus, isEtcdError } from "@etcdkit/core";
import { type BackOff, pauseMs, sleep } from "@etcdkit/core/spi";
import type { WaitingProgress } from "./progress.js";

/** Pauses between attempts. */
export const backOff: BackOff = { baseMs: 50, capMs: 5_000, jitter: 1 };

/** What waiting takes. */
export interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

/**
 * Tries again what fails for a reason that may pass by itself, after pauses that grow to five seconds, for as long as it
 * takes; yields before each pause. Everything else is thrown.
 *
 * @param attempt - May be repeated although it was carried out: a read, or a write that is idempotent by its own compare.
 */
export async function* persistently<T>(
  { clock, signal }: Patience,
  attempt: () => Promise<T>,
): AsyncGenerator<WaitingProgress, T, undefined> {
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isPassing(error)) throw error;
      const pause = pauseMs(backOff, failures);
      yield { kind: "waiting", error, failures, pauseMs: pause };
      await sleep(clock, pause, signal);
    }
  }
}

const passing: ReadonlySet<GrpcStatus> = new Set<GrpcStatus>([
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "ABORTED",
  "CANCELLED",
  "INTERNAL",
  // No space, too many requests: somebody is likely to see to it.
  "RESOURCE_EXHAUSTED",
]);

/** Whether an error is likely to pass by itself, or by somebody who sees to the cluster. */
export function isPassing(error: unknown): error is EtcdError {
  if (!isEtcdError(error) || error.code === "MESSAGE_TOO_LARGE") return false;
  if (error.code === "UNAVAILABLE" || error.code === "DEADLINE") return true;
  return error.grpcCode !== undefined && passing.has(error.grpcCode);
}
