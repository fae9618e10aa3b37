import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { isKeepAliveHalted, type KeepAlive } from "@etcdkit/core";
import { Maintenance } from "@etcdkit/core/protocol";
import { createLeases, openLease } from "@etcdkit/lease";
import type { EtcdMember } from "@etcdkit/testing";
import { expect, it, vi } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { holders } from "./holders.js";

/** Waits for a renewal that is still to come. */
async function nextRenewal(keepAlive: KeepAlive): Promise<void> {
  const reader = keepAlive[Symbol.asyncIterator]();
  await reader.next(); // the newest that there is
  await reader.next();
}

describeEachEtcd("leases in a cluster of three", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

  // integration/v3_lease_test.go:TestV3LeaseFailover; F44
  it("are held through a change of leaders, wherever they are renewed", async () => {
    await using held = await holders(shared, 6, 9);
    const { cluster } = shared;
    for (let change = 0; change < 2; change++) {
      const { leader, followers } = await rolesOf(cluster);
      const [next] = followers;
      if (next === undefined) throw new Error("expected followers");
      await using connection = shared.connect();
      const at = (member: EtcdMember) => createClient(Maintenance, connection.endpoint(member.endpoint));
      const { header } = await at(next).status({});
      await at(leader).moveLeader({ targetID: header?.memberId ?? 0n });
      await held.renewed();
      expect(held.losses).toEqual([]);
    }
    expect(held.all.every((keepAlive) => keepAlive.isHeld())).toBe(true);
  });

  // e2e/v3_lease_no_proxy_test.go:TestLeaseRevoke_ClientSwitchToOtherMember, TestLeaseRevoke_IgnoreOldLeader; F44
  it("are held while the leader is frozen for longer than they live, and let go only if it revokes them when it comes back", async () => {
    // Far longer than those that are left take to elect a leader.
    const ttlSeconds = 15;
    await using held = await holders(shared, 6, ttlSeconds);
    const { leader } = await rolesOf(shared.cluster);
    await leader.pause();
    try {
      await delay((ttlSeconds + 1) * 1_000);
      expect(held.losses).toEqual([]);
      expect(held.all.every((keepAlive) => keepAlive.isHeld())).toBe(true);
    } finally {
      leader.resume();
      await allServe(shared.cluster);
    }
    // In the moment in which it comes back, before it hears of its successor, the old leader may have the cluster revoke
    // what expired by its own clock: no client can prevent that. What a client can do is to let go of nothing else.
    await using connection = shared.connect();
    const witness = createLeases(connection);
    const holdersAndCluster = async (): Promise<readonly object[]> =>
      await Promise.all(
        held.all.map(async ({ leaseId, signal }) => ({
          held: !signal.aborted,
          there: (await witness.timeToLive(leaseId)) !== undefined,
        })),
      );
    // A holder hears of a revocation with the next renewal, which comes within a third of the time to live.
    await vi.waitFor(
      async () => {
        for (const lease of await holdersAndCluster())
          expect([
            { held: true, there: true },
            { held: false, there: false },
          ]).toContainEqual(lease);
      },
      { timeout: ttlSeconds * 1_000, interval: 200 },
    );
    await Promise.allSettled(held.all.map(nextRenewal));
    for (const { signal } of held.all)
      if (signal.aborted) expect(isKeepAliveHalted(signal.reason, "expired")).toBe(true);
    console.info(
      `frozen leader (etcd ${etcd.version}): of ${held.all.length} leases 0 lost while it was frozen; ` +
        `${held.losses.length} revoked by it when it came back`,
    );
  }, 120_000);

  // lease_test.go:TestLeaseKeepAliveHandleFailure
  it("are held while each member in turn is restarted", async () => {
    await using held = await holders(shared, 6, 12);
    for (const member of shared.cluster.members) {
      await member.kill();
      await member.restart();
      await held.renewed();
    }
    await allServe(shared.cluster);
    expect(held.losses).toEqual([]);
  });

  // lease_test.go:TestLeaseRenewLostQuorum
  it("are held when the majority is away for a while", async () => {
    await using held = await holders(shared, 3, 15);
    const [, ...others] = shared.cluster.members;
    try {
      for (const member of others) await member.pause();
      await delay(2_000);
    } finally {
      for (const member of others) member.resume();
    }
    await held.renewed();
    await held.renewed();
    expect(held.losses).toEqual([]);
    await allServe(shared.cluster);
  });

  // lease_test.go:TestV3LeaseFailureOverlap
  it("can be opened and closed before, during and after the loss of the majority, with nothing worse than a delay", async () => {
    await using connection = shared.connect();
    await using leases = createLeases(connection);
    const failures: unknown[] = [];
    const openAndClose = async (): Promise<void> => {
      try {
        await using lease = await openLease(leases, { ttlSeconds: 5 });
        await delay(Number(lease.id % 200n));
      } catch (error) {
        failures.push(error);
      }
    };
    const several = (): Promise<unknown> => Promise.all(Array.from({ length: 10 }, openAndClose));
    const before = several();
    const [, ...others] = shared.cluster.members;
    for (const member of others) await member.pause();
    const during = several();
    await delay(3_000);
    for (const member of others) member.resume();
    const after = several();
    await Promise.all([before, during, after]);
    const delays = /^(KEEPALIVE_HALTED|DEADLINE|TIMEOUT|TIMEOUT_.*|UNAVAILABLE|LEADER_CHANGED|NO_LEADER)$/;
    for (const failure of failures) expect(failure).toMatchObject({ code: expect.stringMatching(delays) });
    const known = failures.length;
    await allServe(shared.cluster);
    await several();
    expect(failures).toHaveLength(known);
  });

  // lease_test.go:TestLeaseWithRequireLeader
  it("are let go where the leader is lost by who asked for that, and by nobody else", async () => {
    const { cluster } = shared;
    const [lone] = (await rolesOf(cluster)).followers;
    if (lone === undefined) throw new Error("expected followers");
    await using connection = shared.connect({ endpoints: lone.endpoint });
    const leases = createLeases(connection);
    const { id } = await leases.grant(30);
    const strict = leases.keepAlive(id, { requireLeader: true });
    const patient = leases.keepAlive(id);
    await strict[Symbol.asyncIterator]().next();
    cluster.partition([lone]);
    try {
      await becomesLeaderless(cluster, lone);
      if (!strict.signal.aborted) await once(strict.signal, "abort");
      expect(isKeepAliveHalted(strict.signal.reason, "no-leader")).toBe(true);
      expect(strict.signal.reason).toMatchObject({ cause: { code: "NO_LEADER", endpoint: lone.endpoint } });
      expect([patient.signal.aborted, patient.isHeld()]).toEqual([false, true]);
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
    const before = patient.remainingMs();
    await expect.poll(() => patient.remainingMs(), { timeout: 30_000 }).toBeGreaterThan(before);
  });
});
