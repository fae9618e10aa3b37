import { type Kv, op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { allServe, rolesOf } from "../support/leader.js";
import { linkIsDown } from "../support/link-is-down.js";
import { uniqueKey } from "../support/unique-key.js";

const calls = [
  { name: "put", withinMs: 1_000, run: (kv: Kv, key: string) => kv.put(key, "value") },
  { name: "delete", withinMs: 1_000, run: (kv: Kv, key: string) => kv.delete(key) },
  {
    name: "txn",
    withinMs: 1_000,
    run: (kv: Kv, key: string) => kv.txn({ success: [op.put(key, "value")] }),
  },
  { name: "linearizable get", withinMs: 7_000, run: (kv: Kv, key: string) => kv.get(key) },
  {
    name: "serializable get",
    withinMs: 2_000,
    run: (kv: Kv, key: string) => kv.get(key, { serializable: true }),
  },
] as const;

describeEachEtcd("a connection to a member that is shut down and to others", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  // server_shutdown_test.go:TestBalancerUnderServerShutdownPut, ...Delete, ...Txn, ...GetLinearizable, ...GetSerializable
  it.each(calls)("carries out a $name at another one within $withinMs ms", async ({ withinMs, run }) => {
    const { followers } = await rolesOf(shared.cluster);
    const [pinned, other] = followers;
    if (pinned === undefined || other === undefined) throw new Error("expected three members");
    await using connection = shared.connect({
      endpoints: [pinned.endpoint, other.endpoint],
      balancing: "pick-first",
    });
    const kv = createKv(connection);
    const key = uniqueKey();
    expect((await kv.range(key)).kvs).toEqual([]);
    await pinned.stop();
    try {
      const startMs = performance.now();
      await linkIsDown(connection, [pinned.endpoint]);
      await run(kv, key);
      expect(performance.now() - startMs).toBeLessThan(withinMs + 2_000); // for a busy machine
    } finally {
      await pinned.restart();
      await allServe(shared.cluster);
    }
  });

  // server_shutdown_test.go:TestBalancerUnderServerStopInflightLinearizableGetOnRestart, ...SerializableGetOnRestart
  it.each([
    { pinned: "leader", first: true },
    { pinned: "leader", first: false },
    { pinned: "follower", first: true },
    { pinned: "follower", first: false },
  ] as const)(
    "answers reads that were under way when all stopped ($pinned in use, stopped first: $first)",
    async ({ pinned, first }) => {
      const { cluster } = shared;
      const { leader, followers } = await rolesOf(cluster);
      const [follower] = followers;
      const inUse = pinned === "leader" ? leader : follower;
      if (inUse === undefined) throw new Error("expected three members");
      const rest = cluster.members.filter((member) => member !== inUse);
      await using connection = shared.connect({
        endpoints: [inUse, ...rest].map((member) => member.endpoint),
        balancing: "pick-first",
      });
      const kv = createKv(connection);
      await kv.get("any");
      for (const member of first ? [inUse, ...rest] : [...rest, inUse]) await member.kill();
      const reading = Promise.all([
        kv.get("any", { timeoutMs: 45_000 }),
        kv.get("any", { serializable: true, timeoutMs: 45_000 }),
      ]);
      reading.catch(() => undefined); // looked at below
      await cluster.restart();
      expect(await reading).toEqual([undefined, undefined]);
      await allServe(cluster);
    },
  );
});
