import { createKv } from "@etcdkit/kv";
import { compareVersions, type EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeEtcds, installed, type SharedCluster } from "../support/each-etcd.js";
import { allServe, rolesOf } from "../support/leader.js";
import { uniqueKey } from "../support/unique-key.js";
import { startLoad } from "./load.js";

// Older servers may answer a linearizable read from the past after a change of leader: fixed in 3.5.28.
const sound = installed.filter(({ version }) => compareVersions(version, "3.5.28") >= 0);
// The newest and the oldest of these: the rule is the same between.
const tested = [...new Set([sound.at(0), sound.at(-1)])].flatMap((binary) => binary ?? []);

describeEtcds("what one client reads", tested, (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

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
    expect(revisionsWentBack).toBe(0);
    expect(writes.faults).toEqual([]);
  }

  // revision_test.go:TestRevisionMonotonicWithLeaderRestarts
  it("never goes back while leaders restart", () => neverGoesBack((member) => member.restart(), theLeader));

  // revision_test.go:TestRevisionMonotonicWithRestarts
  it("never goes back while members restart", () => neverGoesBack((member) => member.restart(), eachInTurn));

  // revision_test.go:TestRevisionMonotonicWithLeaderPartitions
  it("never goes back while leaders are cut off", () =>
    neverGoesBack(async (member) => {
      shared.cluster.partition([member]);
      await rolesOf(
        shared.cluster,
        shared.cluster.members.filter((other) => other !== member),
      );
      shared.cluster.heal();
    }, theLeader));
});

type Choose = (shared: SharedCluster, round: number) => Promise<EtcdMember>;

const theLeader: Choose = async ({ cluster }) => (await rolesOf(cluster)).leader;

const eachInTurn: Choose = async ({ cluster }, round) => {
  const member = cluster.members[round % cluster.members.length];
  if (member === undefined) throw new Error("expected members");
  return member;
};
