import { createKv } from "@etcdkit/kv";
import type { EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEachEtcd, type SharedCluster } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { uniqueKey } from "../support/unique-key.js";
import { versionDifferences } from "../support/version-differences.js";
import { startLoad } from "./load.js";

describeEachEtcd("what one client reads", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });
  // What an old server answers from the past is printed as its own doing. What becomes of writes holds for all.
  const rule = etcd.has("sound-reads") ? "never goes back" : "may go back, and its writes are sound,";

  async function neverGoesBack(fault: (member: EtcdMember) => Promise<void>, who: Choose): Promise<void> {
    await using connection = shared.connect();
    // What is caught between two leaders is given up soon: here only the order of what comes back counts.
    const load = startLoad(createKv(connection), uniqueKey("revision"), { timeoutMs: 1_500 });
    for (let round = 0; round < 3; round++) {
      await load.more(50);
      await fault(await who(shared, round));
      await allServe(shared.cluster);
    }
    await load.more(50);
    const { reads, revisionsWentBack, writes } = await load.finish();
    expect(reads).toBeGreaterThan(200);
    expect(writes.faults).toEqual([]);
    if (etcd.has("sound-reads")) {
      expect(revisionsWentBack).toBe(0);
    } else {
      const { reason } = versionDifferences["sound-reads"];
      console.log(`etcd ${etcd.version}: ${revisionsWentBack} of ${reads} reads went back. ${reason}`);
    }
  }

  const restart = (member: EtcdMember): Promise<void> => member.restart();

  /** Cuts a member off until it knows that it has no leader and the others agree on one, and heals the network. */
  async function isolate(member: EtcdMember): Promise<void> {
    const { cluster } = shared;
    cluster.partition([member]);
    try {
      await becomesLeaderless(cluster, member);
      await rolesOf(
        cluster,
        cluster.members.filter((other) => other !== member),
      );
    } finally {
      cluster.heal();
    }
  }

  // revision_test.go:TestRevisionMonotonicWithLeaderRestarts
  it(`${rule} while leaders restart`, () => neverGoesBack(restart, theLeader));

  // revision_test.go:TestRevisionMonotonicWithRestarts
  it(`${rule} while members restart`, () => neverGoesBack(restart, eachInTurn));

  // revision_test.go:TestRevisionMonotonicWithLeaderPartitions
  it(`${rule} while leaders are cut off`, () => neverGoesBack(isolate, theLeader));

  // revision_test.go:TestRevisionMonotonicWithPartitions
  it(`${rule} while members are cut off`, () => neverGoesBack(isolate, eachInTurn));
});

type Choose = (shared: SharedCluster, round: number) => Promise<EtcdMember>;

const theLeader: Choose = async ({ cluster }) => (await rolesOf(cluster)).leader;

const eachInTurn: Choose = async ({ cluster }, round) => {
  const member = cluster.members[round % cluster.members.length];
  if (member === undefined) throw new Error("expected members");
  return member;
};
