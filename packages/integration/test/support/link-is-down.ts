import type { Connection } from "@etcdkit/core";
import { expect } from "vitest";

/** Waits until the connection has noticed that no endpoint of it can be reached: what is called then is not sent. */
export async function linkIsDown(connection: Connection): Promise<void> {
  await expect.poll(() => [...connection.states().values()], { timeout: 5_000 }).not.toContain("ready");
}
