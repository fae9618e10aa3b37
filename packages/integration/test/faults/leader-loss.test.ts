import type { EtcdCluster, EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { allServe, rolesOf } from "../support/leader.js";
import { none } from "../watch/journal.js";
import { startEverything, told } from "./everything.js";

interface LeaderFault {
  readonly title: string;
  begin(cluster: EtcdCluster, leader: EtcdMember): Promise<void>;
  end(cluster: EtcdCluster, leader: EtcdMember): Promise<void>;
  /** How long readers may hear nothing, though there has been a leader for some time. */
  readonly silenceMs: number;
  /** How many reads and writes to wait for meanwhile. */
  readonly calls: number;
}

const faults: readonly LeaderFault[] = [
  {
    title: "F30 is killed",
    begin: (_, leader) => leader.kill(),
    end: (_, leader) => leader.restart(),
    silenceMs: 0,
    calls: 50,
  },
  {
    title: "F31 is frozen",
    begin: (_, leader) => leader.pause(),
    end: async (_, leader) => leader.resume(),
    // A silent link is given up after 5 s, and 2 more for the answer to a ping.
    silenceMs: 7_000,
    calls: 50,
  },
  {
    title: "F31 is cut off from the others",
    begin: async (cluster, leader) => cluster.partition([leader]),
    end: async (cluster) => cluster.heal(),
    // It takes 7 s to say that it cannot confirm a read.
    silenceMs: 7_000,
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
      const beganMs = performance.now();
      let electionMs: number;
      await fault.begin(cluster, leader);
      try {
        await rolesOf(cluster, followers, 30_000);
        electionMs = performance.now() - beganMs;
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
      // The others elect a leader after 1 to 2 s, or later: votes may be split, and machines busy.
      expect(report.longestGapMs).toBeLessThan(Math.max(fault.silenceMs, electionMs) + 3_000);
      expect(report.leaseLosses).toEqual([]);
      if (etcd.has("sound-reads")) expect(report.revisionsWentBack).toBe(0);
      expect(report.watches).toEqual(report.watches.map(() => none));
    },
    120_000,
  );
});
