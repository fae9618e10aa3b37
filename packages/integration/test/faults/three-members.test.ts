import { createKv } from "@etcdkit/kv";
import type { EtcdCluster, EtcdMember } from "@etcdkit/testing";
import { expect, it } from "vitest";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { allServe, rolesOf } from "../support/leader.js";
import { uniqueKey } from "../support/unique-key.js";
import { type LoadReport, startLoad } from "./load.js";

function print(
  version: string,
  fault: string,
  { reads, readFailures, longestGapMs, writes }: LoadReport,
): void {
  console.log(
    `three members (etcd ${version}), ${fault}: ${reads} reads, ${readFailures.length} failed, ` +
      `longest gap ${Math.round(longestGapMs)} ms; writes: ${writes.told("resolved")} resolved, ` +
      `${writes.told("unknown")} unknown, ${writes.told("not-applied")} not applied; ` +
      `applied more than once: ${writes.appliedMoreOften}, lost or mislabelled: ${writes.faults.length}`,
  );
}

/** How long the others take to elect a leader: 1 to 2 s, or longer where votes are split or the machine is busy. */
async function electionMs(cluster: EtcdCluster, among: readonly EtcdMember[]): Promise<number> {
  const beganMs = performance.now();
  await rolesOf(cluster, among, 30_000);
  return performance.now() - beganMs;
}

function expectSound({ readFailures, writes }: LoadReport): void {
  expect(readFailures).toEqual([]);
  expect(writes.faults).toEqual([]);
}

// The oldest and the newest version only: it takes half a minute for each, and what is tested here the client does alone.
describeOldestAndNewestEtcd("readers and writers on three members", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  // black_hole_test.go, server_shutdown_test.go: the same under load
  it("go on when the leader is killed and comes back", async () => {
    await using connection = shared.connect();
    const load = startLoad(createKv(connection), uniqueKey("killed"));
    await load.more(100);
    const { leader, followers } = await rolesOf(shared.cluster);
    await leader.kill();
    const election = await electionMs(shared.cluster, followers);
    await load.more(100);
    await leader.restart();
    await allServe(shared.cluster);
    await load.more(100);
    const report = await load.finish();
    print(etcd.version, "leader killed", report);
    expectSound(report);
    expect(report.longestGapMs).toBeLessThan(election + 3_000);
  });

  it("go on when the leader is paused, and after it has come to", async () => {
    await using connection = shared.connect();
    const load = startLoad(createKv(connection), uniqueKey("paused"));
    await load.more(100);
    const { leader, followers } = await rolesOf(shared.cluster);
    await leader.pause();
    let election: number;
    try {
      election = await electionMs(shared.cluster, followers);
      await load.more(100);
    } finally {
      leader.resume();
    }
    await allServe(shared.cluster);
    await load.more(100);
    const report = await load.finish();
    print(etcd.version, "leader paused", report);
    expectSound(report);
    // A silent link is given up after 5 s and 2 more for the answer to a ping.
    expect(report.longestGapMs).toBeLessThan(Math.max(7_000, election) + 3_000);
  });

  it("go on when all are restarted one after the other, and all at once", async () => {
    // Members that have just started may need 7 s to say that they cannot serve a call yet, more than once.
    await using connection = shared.connect({ callTimeoutMs: 30_000 });
    const load = startLoad(createKv(connection), uniqueKey("restarted"));
    await load.more(100);
    for (const member of shared.cluster.members) {
      await member.restart();
      await allServe(shared.cluster);
      await load.more(50);
    }
    await shared.cluster.restart();
    await load.more(100);
    const report = await load.finish();
    print(etcd.version, "all restarted", report);
    expectSound(report);
    expect(report.longestGapMs).toBeLessThan(22_000);
  });
});
