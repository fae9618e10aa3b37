import type { Connection, KeepAlive, Leases } from "@etcdkit/core";
import { createLeases } from "@etcdkit/lease";
import type { SharedCluster } from "../support/each-etcd.js";

/** Several programs, so to say, that hold a lease each: their streams begin at members of their own choice. */
export interface Holders extends AsyncDisposable {
  readonly all: readonly KeepAlive[];
  /** Why some have lost theirs, if any has. */
  readonly losses: readonly unknown[];
  /** Waits until each has had another renewal. */
  renewed(): Promise<void>;
}

/** Lets each of so many connections hold a lease. */
export async function holders(
  shared: Pick<SharedCluster, "connect">,
  count: number,
  ttlSeconds: number,
): Promise<Holders> {
  const connections: Connection[] = [];
  const hold = async (): Promise<KeepAlive> => {
    const connection = shared.connect();
    connections.push(connection);
    const leases: Leases = createLeases(connection);
    return leases.keepAlive((await leases.grant(ttlSeconds)).id);
  };
  const all = await Promise.all(Array.from({ length: count }, hold));
  const readers = all.map((keepAlive) => keepAlive[Symbol.asyncIterator]());
  const renewed = async (): Promise<void> => {
    await Promise.all(readers.map((reader) => reader.next()));
  };
  await renewed();
  return {
    all,
    get losses() {
      return all.flatMap(({ signal }) => (signal.aborted ? [signal.reason] : []));
    },
    renewed,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}
