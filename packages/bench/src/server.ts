import { existsSync } from "node:fs";
import { type EtcdCluster, startEtcd } from "@etcdkit/testing";
import { createEtcd, op } from "etcdkit";
import { inParallel } from "./in-parallel.js";
import { around, keysOf, valueFor, type Workload } from "./workloads/workload.js";

/** Where Linux keeps files in memory. */
const memoryDirectory = "/dev/shm";

// Far more than a measurement writes; at its quota a server refuses writes.
const quotaBytes = 8 * 2 ** 30;
const seededAtOnce = 64;

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
  const { revisions } = workload;
  const { kv, close } = createEtcd({ endpoints });
  try {
    if (revisions === undefined) {
      await inParallel(keys.length, seededAtOnce, (index) => kv.put(around(keys, index), value));
    } else {
      const success = keys.map((key) => op.put(key, value));
      await inParallel(revisions, seededAtOnce, () => kv.txn({ success }));
    }
  } finally {
    await close();
  }
}
