import { setTimeout as delay } from "node:timers/promises";
import type { Leases } from "@etcdkit/core";

/**
 * Waits until a lease is no more, as told by a member that is asked behind the holder's back.
 *
 * @returns When that was known at the latest, by `performance.now()`.
 */
export async function expired(leases: Leases, id: bigint, timeoutMs = 30_000): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  while ((await leases.timeToLive(id)) !== undefined) {
    if (performance.now() > deadline) throw new Error(`lease ${id} still lives after ${timeoutMs} ms`);
    await delay(20);
  }
  return performance.now();
}
