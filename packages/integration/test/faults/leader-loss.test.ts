import { createKv } from "@etcdkit/kv";
import type { EtcdCluster, EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";
import { none } from "../watch/journal.js";
import { startEverything, told } from "./everything.js";

interface LeaderFault {
  readonly title: string;
  begin(cluster: EtcdCluster, leader: EtcdMember): Promise<void>;
  end(cluster: EtcdCluster, leader: EtcdMember): Promise<void>;
  /** How long readers may hear nothing. */
  readonly gapMs: number;
  /** How many reads and writes to wait for meanwhile. */
  readonly calls: number;
}

const faults: readonly LeaderFault[] = [
  {
    title: "F30 is killed",
    begin: (_, leader) => leader.kill(),
    end: (_, leader) => leader.restart(),
    // The others elect a leader after 1 to 2 s.
    gapMs: 5_000,
    calls: 50,
  },
  {
    title: "F31 is frozen",
    begin: (_, leader) => leader.pause(),
    end: async (_, leader) => leader.resume(),
    // A silent link is given up after 5 s, and 2 more for the answer to a ping.
    gapMs: 9_000,
    calls: 50,
  },
  {
    title: "F31 is cut off from the others",
    begin: async (cluster, leader) => cluster.partition([leader]),
    end: async (cluster) => cluster.heal(),
    // It takes 7 s to say that it cannot confirm a read.
    gapMs: 9_000,
    // Each third one goes there, and has to wait.
    calls: 8,
  },
];

/** A call may have to wait for 7 s at a member that cannot say sooner that it has lost the others, and begin anew then. */
const call = { timeoutMs: 20_000 };

// The oldest and the newest only: it takes half a minute for each.
describeOldestAndNewestEtcd("when the leader", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

  it.each(faults)(
    "$title, reads go on, writes say what is known of them, watches miss nothing and leases are held",
    async (fault) => {
      const { cluster } = shared;
      await using connection = shared.connect();
      const everything = await startEverything(cluster, connection, { ttlSeconds: 20, call });
      await everything.more(50);
      const { leader, followers } = await rolesOf(cluster);
      await fault.begin(cluster, leader);
      try {
        await rolesOf(cluster, followers);
        await everything.more(fault.calls);
      } finally {
        await fault.end(cluster, leader);
      }
      await allServe(cluster);
      await everything.more(50);
      const report = await everything.finish();
      console.log(told(`the leader ${fault.title} (etcd ${etcd.version})`, report));
      expect(report.readFailures).toEqual([]);
      expect(report.writes.faults).toEqual([]);
      expect(report.longestGapMs).toBeLessThan(fault.gapMs);
      expect(report.leaseLosses).toEqual([]);
      if (etcd.has("sound-reads")) expect(report.revisionsWentBack).toBe(0);
      expect(report.watches).toEqual(report.watches.map(() => none));
    },
  );

  it("F31 was cut off, a write that is sent to it alone is in doubt after 7 s, and applied once at most", async () => {
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
      expect(afterMs).toBeLessThan(9_000);
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
    await using others = shared.connect({ endpoints: followers.map(({ endpoint }) => endpoint) });
    expect((await createKv(others).range(key)).count).toBeLessThanOrEqual(1);
    expect((await createKv(others).get(key))?.version ?? 0n).toBeLessThanOrEqual(1n);
  });

  it("F34 and a follower do not hear each other, and the third hears both, whoever asks the leader is served or told", async () => {
    const { cluster } = shared;
    const { leader, followers } = await rolesOf(cluster);
    const [deaf, bridge] = followers;
    if (deaf === undefined || bridge === undefined) throw new Error("expected three members");
    await using connection = shared.connect({ endpoints: leader.endpoint });
    const everything = await startEverything(cluster, connection, { ttlSeconds: 30, call });
    await everything.more(50);
    cluster.partition([leader, bridge], [deaf, bridge]);
    try {
      // One that hears of no leader asks the third for its vote, or is passed over by it: both are right.
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

  it("F32 is lost to the only member that is known, stale reads are served and say of when they are", async () => {
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
      // Told of the others, it asks them for what has to be true now.
      pinned.setEndpoints([lone.endpoint, other.endpoint]);
      const now = await stale.range(key, call);
      expect(now.header.revision).toBeGreaterThanOrEqual(after.header.revision);
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
  });
});
