import { type CallOptions, type Kv, op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import type { EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
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

// Two versions are enough: what a member without the others does has not changed, and each case takes seconds.
describeOldestAndNewestEtcd("a connection to a member that was cut off and to one that was not", (etcd) => {
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

  // network_partition_test.go:TestBalancerUnderNetworkPartitionPut, ...Delete, ...Txn
  it.each(writes)("carries out a $name at the second try at the latest", ({ run }) =>
    cutOff("follower", async (lone, other) => {
      await becomesLeaderless(shared.cluster, lone);
      await using connection = shared.connect({ endpoints: [lone.endpoint, other.endpoint] });
      const kv = createKv(connection);
      await expect.poll(() => [...connection.states().values()]).toEqual(["idle", "idle"]);
      await connection.ready();
      await expect.poll(() => [...connection.states().values()]).toEqual(["ready", "ready"]);
      const key = uniqueKey();
      let failures = 0;
      while (true) {
        try {
          await run(kv, key, { timeoutMs: 1_500 });
          break;
        } catch (error) {
          const { error: failed } = await rejection(() => Promise.reject(error));
          expect(failed).toMatchObject({ code: "DEADLINE", endpoint: lone.endpoint, outcome: "unknown" });
          failures++;
        }
        expect(failures).toBeLessThanOrEqual(1);
      }
    }),
  );

  // network_partition_test.go:TestBalancerUnderNetworkPartitionLinearizableGetWithLongTimeout
  it("answers a linearizable read at the first try when it has time: the other member is asked", () =>
    cutOff("follower", async (lone, other) => {
      await using connection = shared.connect({
        endpoints: [lone.endpoint, other.endpoint],
        balancing: "pick-first",
      });
      await becomesLeaderless(shared.cluster, lone);
      // The lone member takes 7 s to say that it cannot.
      await createKv(connection).get("any", { timeoutMs: 20_000 });
    }));

  // network_partition_test.go:TestBalancerUnderNetworkPartitionLinearizableGetWithShortTimeout
  it("answers a linearizable read at the second try when it has little time", () =>
    cutOff("follower", async (lone, other) => {
      await becomesLeaderless(shared.cluster, lone);
      await using connection = shared.connect({ endpoints: [lone.endpoint] });
      const kv = createKv(connection);
      const { error } = await rejection(() => kv.get("any", { timeoutMs: 500 }));
      expect(error).toMatchObject({ code: "DEADLINE", endpoint: lone.endpoint });
      connection.setEndpoints([lone.endpoint, other.endpoint]);
      await expect.poll(() => connection.states().get(other.endpoint)).toBe("ready");
      const tries = [1, 2].map(() => kv.get("any", { timeoutMs: 1_500 }));
      expect((await Promise.allSettled(tries)).map(({ status }) => status)).toContain("fulfilled");
    }));

  // network_partition_test.go:TestBalancerUnderNetworkPartitionLinearizableGetLeaderElection
  it("answers a linearizable read while a leader that was cut off is replaced", () =>
    cutOff("leader", async (lone, other) => {
      await using connection = shared.connect({ endpoints: [lone.endpoint, other.endpoint] });
      await createKv(connection).get("any", { timeoutMs: 20_000 });
    }));
});
