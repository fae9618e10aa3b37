import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { none } from "../watch/journal.js";
import { startEverything, told } from "./everything.js";

// The oldest and the newest only, for the time that it takes.
describeOldestAndNewestEtcd("when the others are lost", (etcd) => {
  // Servers before 3.5 ask first whether they would be elected only when told to: else one that is cut off unseats the leader.
  const shared = etcd.shared({ members: 3, partitionable: true, args: ["--pre-vote"] });

  it("F31 by a leader, a write that is sent to it alone is in doubt after 7 s, and applied once at most", async () => {
    const { cluster } = shared;
    const { leader, followers } = await rolesOf(cluster);
    await using connection = shared.connect({ endpoints: leader.endpoint });
    const kv = createKv(connection);
    await connection.ready();
    const key = uniqueKey();
    cluster.partition([leader]);
    try {
      const { error, afterMs } = await rejection(() => kv.put(key, "value"));
      expect(error).toMatchObject({ outcome: "unknown", endpoint: leader.endpoint });
      expect(error.code).toMatch(/^(TIMEOUT|DEADLINE)/);
      expect(afterMs).toBeGreaterThan(4_500);
      expect(afterMs).toBeLessThan(12_000); // the call's own deadline is after 10 s
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
    await using others = shared.connect({ endpoints: followers.map(({ endpoint }) => endpoint) });
    expect((await createKv(others).range(key)).count).toBeLessThanOrEqual(1);
    expect((await createKv(others).get(key))?.version ?? 0n).toBeLessThanOrEqual(1n);
  });

  it("F34 by a leader and a follower who still share a third one, clients of the leader are served, and those of the other told", async () => {
    const { cluster } = shared;
    const { leader, followers } = await rolesOf(cluster);
    const [deaf, bridge] = followers;
    if (deaf === undefined || bridge === undefined) throw new Error("expected three members");
    await using connection = shared.connect({ endpoints: leader.endpoint });
    const everything = await startEverything(cluster, connection, {
      ttlSeconds: 30,
      call: { timeoutMs: 20_000 },
    });
    await everything.more(50);
    cluster.partition([leader, bridge], [deaf, bridge]);
    try {
      // It hears of no leader any more, and the third, which does, gives it no vote.
      await becomesLeaderless(cluster, deaf);
      await using there = shared.connect({ endpoints: deaf.endpoint });
      const { error } = await rejection(() => createKv(there).get("any", { requireLeader: true }));
      expect(error).toMatchObject({ code: "NO_LEADER", endpoint: deaf.endpoint });
      await everything.more(100);
    } finally {
      cluster.heal();
    }
    await allServe(cluster);
    await everything.more(50);
    const report = await everything.finish();
    console.log(told(`a leader and a follower apart (etcd ${etcd.version})`, report));
    expect(report.readFailures).toEqual([]);
    expect(report.writes.faults).toEqual([]);
    expect(report.leaseLosses).toEqual([]);
    if (etcd.has("sound-reads")) expect(report.revisionsWentBack).toBe(0);
    expect(report.watches).toEqual(report.watches.map(() => none));
  });

  it("F32 by the only member that is known, it serves stale reads, which say of when they are", async () => {
    const { cluster } = shared;
    const [lone, other] = (await rolesOf(cluster)).followers;
    if (lone === undefined || other === undefined) throw new Error("expected three members");
    await using pinned = shared.connect({ endpoints: lone.endpoint });
    await using direct = shared.connect({ endpoints: other.endpoint });
    const [stale, fresh, key] = [createKv(pinned), createKv(direct), uniqueKey()];
    const before = await fresh.put(key, "before");
    await stale.get(key);
    cluster.partition([lone]);
    try {
      await becomesLeaderless(cluster, lone);
      const after = await fresh.put(key, "after", { timeoutMs: 20_000 });
      const seen = await stale.range(key, { serializable: true });
      expect(seen.kvs[0]?.modRevision).toBe(before.header.revision);
      expect(seen.header.revision).toBeLessThan(after.header.revision);
      // What has to be true now, it cannot tell.
      await expect(stale.range(key, { timeoutMs: 500 })).rejects.toMatchObject({ code: "DEADLINE" });
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
  });
});
