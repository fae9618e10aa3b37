import {
  type CallOptions,
  type Connection,
  type ConnectOptions,
  type Kv,
  type Logger,
  op,
} from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import type { EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

const writes = [
  { name: "put", run: (kv: Kv, key: string, call: CallOptions) => kv.put(key, "value", call) },
  { name: "delete", run: (kv: Kv, key: string, call: CallOptions) => kv.delete(key, call) },
  {
    name: "txn",
    run: (kv: Kv, key: string, call: CallOptions) => kv.txn({ success: [op.put(key, "value")] }, call),
  },
] as const;

/** Enough for the member that serves, and less than the 7 s that the lone one takes to say that it cannot. */
const shortMs = 3_000;

describeEachEtcd("a connection to a member that was cut off and to one that was not", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

  /** Runs a case with a member cut off from the others. Its clients still reach it, and it comes first for them. */
  async function cutOff(
    who: "leader" | "follower",
    run: (lone: EtcdMember, other: EtcdMember) => Promise<void>,
  ): Promise<void> {
    const { cluster } = shared;
    const { leader, followers } = await rolesOf(cluster);
    const [lone, other] = who === "leader" ? [leader, followers[0]] : followers;
    if (lone === undefined || other === undefined) throw new Error("expected three members");
    cluster.partition([lone]);
    try {
      await run(lone, other);
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
  }

  /** Connects to both, and waits until either could be asked: the lone member is not passed over for being late. */
  async function connectToBoth(
    lone: EtcdMember,
    other: EtcdMember,
    options: Partial<ConnectOptions> = {},
  ): Promise<Connection> {
    const connection = shared.connect({ endpoints: [lone.endpoint, other.endpoint], ...options });
    await connection.ready();
    await bothReady(connection);
    return connection;
  }

  // network_partition_test.go:TestBalancerUnderNetworkPartitionPut, ...Delete, ...Txn
  it.each(writes)("carries out a $name at one of two tries, and does not know of the other", ({ run }) =>
    cutOff("follower", async (lone, other) => {
      await becomesLeaderless(shared.cluster, lone);
      await using connection = await connectToBoth(lone, other);
      const kv = createKv(connection);
      const key = uniqueKey();
      const tries = [1, 2].map(() => run(kv, key, { timeoutMs: shortMs }));
      expect(await failuresOf(tries)).toEqual([
        expect.objectContaining({ code: "DEADLINE", endpoint: lone.endpoint, outcome: "unknown" }),
      ]);
    }),
  );

  // network_partition_test.go:TestBalancerUnderNetworkPartitionLinearizableGetWithLongTimeout
  it("answers a linearizable read at the first try when it has time: the other member is asked", () =>
    cutOff("follower", async (lone, other) => {
      await becomesLeaderless(shared.cluster, lone);
      const { failedAt, logger } = watchAttempts();
      await using connection = await connectToBoth(lone, other, { balancing: "pick-first", logger });
      // The lone member takes 7 s to say that it cannot.
      await createKv(connection).get("any", { timeoutMs: 20_000 });
      expect(failedAt).toEqual([lone.endpoint]);
    }));

  // network_partition_test.go:TestBalancerUnderNetworkPartitionLinearizableGetWithShortTimeout
  it("answers a linearizable read at the second try when it has little time", () =>
    cutOff("follower", async (lone, other) => {
      await becomesLeaderless(shared.cluster, lone);
      await using connection = shared.connect({ endpoints: [lone.endpoint] });
      await connection.ready();
      const kv = createKv(connection);
      const { error } = await rejection(() => kv.get("any", { timeoutMs: 500 }));
      expect(error).toMatchObject({ code: "DEADLINE", endpoint: lone.endpoint });
      connection.setEndpoints([lone.endpoint, other.endpoint]);
      await bothReady(connection);
      const tries = [1, 2].map(() => kv.get("any", { timeoutMs: shortMs }));
      expect(await failuresOf(tries)).toEqual([
        expect.objectContaining({ code: "DEADLINE", endpoint: lone.endpoint }),
      ]);
    }));

  // network_partition_test.go:TestBalancerUnderNetworkPartitionLinearizableGetLeaderElection
  it("answers a linearizable read while a leader that was cut off is replaced", () =>
    cutOff("leader", async (lone, other) => {
      const { failedAt, logger } = watchAttempts();
      await using connection = await connectToBoth(lone, other, { balancing: "pick-first", logger });
      await createKv(connection).get("any", { timeoutMs: 20_000 });
      expect(failedAt[0]).toBe(lone.endpoint);
    }));
});

async function bothReady(connection: Connection): Promise<void> {
  await expect.poll(() => [...connection.states().values()], { timeout: 15_000 }).toEqual(["ready", "ready"]);
}

/** A logger that notes where attempts of a call failed. */
function watchAttempts(): { readonly failedAt: readonly unknown[]; readonly logger: Logger } {
  const failedAt: unknown[] = [];
  const ignore = (): void => undefined;
  const debug: Logger["debug"] = (message, details) => {
    if (message === "attempt failed") failedAt.push(details?.["endpoint"]);
  };
  return { failedAt, logger: { debug, info: ignore, warn: ignore, error: ignore } };
}

async function failuresOf(calls: readonly Promise<unknown>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(calls);
  return settled.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
}
