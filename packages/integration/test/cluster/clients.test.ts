import { createCluster } from "@etcdkit/cluster";
import { isEtcdError } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { type LoadReport, startLoad } from "../faults/load.js";
import { connectTo } from "../support/connect-to.js";
import { describeOldestAndNewestEtcd } from "../support/each-etcd.js";
import { rolesOf } from "../support/leader.js";
import { uniqueKey } from "../support/unique-key.js";

// The oldest and the newest version only: what is tested here the client does alone.
describeOldestAndNewestEtcd("clients of a cluster that changes", (etcd) => {
  // F35
  it("go on while members come, get a vote and go, with the list of members kept up to date and without", async () => {
    await using cluster = await etcd.start({ members: 3 });
    await using fixed = connectTo(cluster);
    await using synced = connectTo(cluster, { autoSyncIntervalMs: 200 });
    const lists: (readonly string[])[] = [];
    const loads = [fixed, synced].map((connection) => startLoad(createKv(connection), uniqueKey("members")));
    const more = () => Promise.all(loads.map((load) => load.more(50)));
    const syncedTo = (endpoints: readonly string[]) =>
      expect
        .poll(
          () => {
            lists.push(synced.endpoints());
            return [...synced.endpoints()].sort();
          },
          { timeout: 20_000 },
        )
        .toEqual([...endpoints].sort());
    let reports: readonly LoadReport[] = [];
    try {
      await more();

      const before = cluster.endpoints;
      const learner = await cluster.addMember({ learner: true });
      await more();
      // A learner serves no calls like these, so that it is on no list.
      await syncedTo(before);
      const admin = createCluster(fixed);
      const idOf = async (name: string): Promise<bigint> =>
        (await admin.list()).members.find((member) => member.name === name)?.id ?? 0n;
      const id = await idOf(learner.name);
      await expect
        .poll(
          () =>
            admin.promote(id).then(
              () => "promoted",
              // Promoted before, by a call whose answer was lost.
              (error: unknown) =>
                isEtcdError(error, "MEMBER_NOT_LEARNER")
                  ? "promoted"
                  : isEtcdError(error)
                    ? error.code
                    : error,
            ),
          { timeout: 20_000 },
        )
        .toBe("promoted");
      await syncedTo([...before, learner.endpoint]);
      await more();

      const { leader, followers } = await rolesOf(cluster);
      const gone = followers.find((member) => member !== learner);
      // Asked of another member: the one that goes may be gone before it has answered.
      await using direct = connectTo(cluster, { endpoints: [leader.endpoint] });
      await createCluster(direct).remove(await idOf(gone?.name ?? ""));
      await syncedTo(cluster.endpoints.filter((endpoint) => endpoint !== gone?.endpoint));
      await more();
      await expect.poll(() => gone?.isRunning, { timeout: 20_000 }).toBe(false);
      await more();

      expect(fixed.endpoints()).toEqual(before);
      expect(lists.every((list) => list.length >= 3)).toBe(true);
    } finally {
      // Also when something failed: they would go on for ever.
      reports = await Promise.all(loads.map((load) => load.finish()));
    }
    for (const [i, { reads, readFailures, longestGapMs, writes }] of reports.entries()) {
      console.log(
        `changing members (etcd ${etcd.version}), ${i === 0 ? "fixed endpoints" : "synced"}: ${reads} reads, ` +
          `longest gap ${Math.round(longestGapMs)} ms; writes: ${writes.told("resolved")} resolved, ` +
          `${writes.told("unknown")} unknown; applied more than once: ${writes.appliedMoreOften}`,
      );
      expect(readFailures).toEqual([]);
      expect(writes.faults).toEqual([]);
    }
  });
});
