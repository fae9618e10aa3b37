import { createConnectNodeTransport } from "@etcdkit/transport/connect-node";
import type { Driver } from "./driver.js";
import { openEtcdkit } from "./etcdkit.js";

/** The same client over connect-node's transport, with the limits and pings that it has by default. */
export async function openEtcdkitConnectNode(endpoint: string): Promise<Driver> {
  return openEtcdkit(endpoint, { transport: (target) => createConnectNodeTransport({ endpoint: target }) });
}
