import { createConnectNodeTransport } from "@etcdkit/core";
import { systemClock } from "@etcdkit/transport";
import type { Driver } from "./driver.js";
import { openEtcdkit } from "./etcdkit.js";

/** The same client over connect-node's transport, with the limits and pings that it has by default. */
export async function openEtcdkitConnectNode(endpoint: string): Promise<Driver> {
  return openEtcdkit(endpoint, {
    transport: (target) =>
      createConnectNodeTransport(target, {
        keepAlive: { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false },
        maxSendBytes: 2 * 1024 * 1024,
        maxReceiveBytes: 2 ** 31 - 1,
        clock: systemClock,
      }),
  });
}
