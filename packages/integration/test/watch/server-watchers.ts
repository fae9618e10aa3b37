import { expect } from "vitest";

/** How many watchers a member has, by its own count. */
export async function serverWatchers(endpoint: string): Promise<number> {
  const page = await (await fetch(`${endpoint}/metrics`)).text();
  const count = /^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(page)?.[1];
  if (count === undefined) throw new Error(`${endpoint} does not tell how many watchers it has`);
  return Number(count);
}

/** Waits until a member has so many watchers. */
export async function expectServerWatchers(endpoint: string, count: number): Promise<void> {
  await expect.poll(() => serverWatchers(endpoint), { timeout: 30_000, interval: 20 }).toBe(count);
}
