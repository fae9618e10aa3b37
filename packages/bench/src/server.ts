import { existsSync } from "node:fs";
import { type EtcdCluster, startEtcd } from "@etcdkit/testing";
import { createEtcd, op } from "etcdkit";
import { keysOf, valueFor, type Workload } from "./workloads/workload.js";

/** Where Linux keeps files in memory. */
const memoryDirectory = "/dev/shm";

// Far more than a measurement writes; at its quota a server refuses writes.
const quotaBytes = 8 * 2 ** 30;
const seedBatch = 64;
const seededAtOnce = 16;

/**
 * Starts a fresh server of the newest version on this machine, without disks to wait for, that holds what a workload
 * needs. Every measurement has its own, so that none finds what others wrote.
 */
export async function startServer(workload: Workload): Promise<EtcdCluster> {
  const server = await startEtcd({
    args: ["--log-level", "error", "--quota-backend-bytes", String(quotaBytes)],
    ...(existsSync(memoryDirectory) ? { temporaryDirectory: memoryDirectory } : {}),
  });
  try {
    await seed(server, workload);
    return server;
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function seed({ endpoints }: EtcdCluster, workload: Workload): Promise<void> {
  const value = valueFor(workload);
  const keys = keysOf(workload);
  const { kv, close } = createEtcd({ endpoints });
  try {
    if (workload.revisions !== undefined) {
      const success = keys.map((key) => op.put(key, value));
      let left = workload.revisions;
      const writer = async (): Promise<void> => {
        while (left-- > 0) await kv.txn({ success });
      };
      await Promise.all(Array.from({ length: seededAtOnce }, writer));
      return;
    }
    for (let at = 0; at < keys.length; at += seedBatch) {
      await Promise.all(keys.slice(at, at + seedBatch).map((key) => kv.put(key, value)));
    }
  } finally {
    await close();
  }
}
