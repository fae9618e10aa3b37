import { createClient } from "@connectrpc/connect";
import { Maintenance } from "@etcdkit/core/protocol";
import { startEtcd } from "@etcdkit/testing";
import { createEtcd, type Etcd, isEtcdError } from "etcdkit";

/** A cluster to play with, and how to leave it. */
export interface Playground extends AsyncDisposable {
  readonly etcd: Etcd;
  /** One sentence about the cluster. */
  readonly description: string;
}

/** Why there is nothing to play with, in a sentence for the person who ran the program. */
export class Unavailable extends Error {}

// Long enough for a cluster that elects a leader, short enough for somebody who waits.
const patienceMs = 5_000;

/**
 * Connects to the cluster that `ETCD_ENDPOINTS` names, or starts one member in a temporary folder.
 *
 * @throws Unavailable when there is none.
 */
export async function openPlayground(signal: AbortSignal): Promise<Playground> {
  const given = process.env["ETCD_ENDPOINTS"];
  return given ? await joinCluster(given, signal) : await startOwn(signal);
}

async function joinCluster(endpoints: string, signal: AbortSignal): Promise<Playground> {
  const etcd = open(endpoints);
  try {
    await etcd.connection.ready({ timeoutMs: patienceMs, signal });
    const { version } = await createClient(Maintenance, etcd.connection.transport).status({}, { signal });
    const where = etcd.connection.endpoints().join(", ");
    return {
      etcd,
      description: `Connected to etcd ${version} at ${where}.`,
      [Symbol.asyncDispose]: etcd.close,
    };
  } catch (error) {
    await etcd.close();
    if (!isEtcdError(error)) throw error;
    throw new Unavailable(
      `The cluster of ETCD_ENDPOINTS cannot be used: ${error.message} (${error.code}).\n` +
        "Check the addresses and that etcd runs there, or leave the variable out to have one started.",
      { cause: error },
    );
  }
}

function open(endpoints: string): Etcd {
  try {
    return createEtcd({ endpoints });
  } catch (cause) {
    throw new Unavailable(`ETCD_ENDPOINTS: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

async function startOwn(signal: AbortSignal): Promise<Playground> {
  const cluster = await startEtcd().catch((cause: unknown) => {
    throw new Unavailable(cause instanceof Error ? cause.message : String(cause), { cause });
  });
  const etcd = createEtcd({ endpoints: cluster.endpoints });
  const close = async (): Promise<void> => {
    await etcd.close();
    await cluster.close();
  };
  if (signal.aborted) {
    await close();
    throw signal.reason;
  }
  return {
    etcd,
    description:
      `Started etcd ${cluster.version} at ${cluster.endpoints.join(", ")}, ` +
      "in a temporary folder. Both go when this program ends.",
    [Symbol.asyncDispose]: close,
  };
}
