import { serverCounts } from "../server-says.js";
import type { Findings } from "./workload.js";

/** What operations took of the server. */
export interface ServerCost extends Findings {
  readonly requestsPerOperation: number;
  readonly eventsPerOperation: number;
  /** Of all operations together. */
  readonly deletions: number;
}

/**
 * Begins to count on the server. What it resolves with tells, once, what each of so many operations took since then, all of
 * which must have ended.
 */
export async function countServerCost(
  endpoint: string,
): Promise<(operations: number) => Promise<ServerCost>> {
  const before = await serverCounts(endpoint);
  return async (operations) => {
    const after = await serverCounts(endpoint);
    return {
      requestsPerOperation: (after.requests - before.requests) / operations,
      eventsPerOperation: (after.events - before.events) / operations,
      deletions: after.deletions - before.deletions,
    };
  };
}
