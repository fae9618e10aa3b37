import type { Connection } from "@etcdkit/core";
import { expect } from "vitest";

/**
 * Waits until the connection has noticed that an endpoint, by default every one, cannot be reached: what is called then
 * is not sent there. A write that goes out just before that is rightly of unknown outcome.
 */
export async function linkIsDown(
  connection: Connection,
  endpoints: readonly string[] = connection.endpoints(),
): Promise<void> {
  await expect
    .poll(() => endpoints.map((endpoint) => connection.states().get(endpoint)), { timeout: 15_000 })
    .not.toContain("ready");
}
