import { once } from "node:events";
import { isKeepAliveHalted } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { allServe } from "../support/leader.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";

describeEachEtcd("leases, as every member of a cluster tells,", (etcd) => {
  const shared = etcd.shared({ members: 3 });

  /** The services of connections that know one member each. */
  async function atEachMember() {
    const connections = await together(
      ...shared.endpoints.map(async (endpoint) => shared.connect({ endpoints: endpoint })),
    );
    return {
      all: connections.all.map((connection) => ({
        kv: createKv(connection),
        leases: createLeases(connection),
      })),
      [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
    };
  }

  // integration/v3_lease_test.go:TestV3LeaseExists, TestV3GetNonExistLease
  it("exist from their grant to their revocation", async () => {
    await using members = await atEachMember();
    const [first, ...others] = members.all;
    if (first === undefined) throw new Error("expected members");
    const { id } = await first.leases.grant(60);
    for (const { leases } of others) {
      await expect(leases.grant(60, { id })).rejects.toMatchObject({ code: "LEASE_EXIST" });
      expect(await leases.timeToLive(id)).toMatchObject({ id, grantedTtlSeconds: 60 });
    }
    await first.leases.revoke(id);
    for (const { kv, leases } of members.all) {
      // Whoever has answered a read has carried out all that came before it.
      await kv.get("any");
      expect(await leases.timeToLive(id, { keys: true })).toBeUndefined();
    }
  });

  // integration/v3_lease_test.go:TestV3LeaseRenewStress, TestV3LeaseTimeToLiveStress
  it("are known to a follower at the moment in which it has granted them", async () => {
    await using members = await atEachMember();
    const asks = members.all.flatMap(({ leases }) =>
      Array.from({ length: 3 }, async () => {
        for (let i = 0; i < 30; i++) {
          const { id } = await leases.grant(60);
          expect(await leases.keepAliveOnce(id)).toMatchObject({ id, ttlSeconds: 60 });
          expect(await leases.timeToLive(id)).toMatchObject({ id, grantedTtlSeconds: 60 });
          await leases.revoke(id);
        }
      }),
    );
    await Promise.all(asks);
  });

  // integration/v3_lease_test.go:TestV3LeaseNegativeID
  it("outlive a restart with ids of either sign, and take their keys along on each member when they are revoked", async () => {
    await using members = await atEachMember();
    const [first, , third] = members.all;
    if (first === undefined || third === undefined) throw new Error("expected members");
    for (const id of [-1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const key = uniqueKey();
      expect((await first.leases.grant(300, { id })).id).toBe(id);
      await third.kv.put(key, "x", { leaseId: id });
      await shared.cluster.members[2]?.restart();
      await allServe(shared.cluster);
      await first.leases.revoke(id);
      const answers = await Promise.all(members.all.map(({ kv }) => kv.range(key)));
      expect(answers.map(({ count }) => count)).toEqual([0, 0, 0]);
      expect(new Set(answers.map(({ header }) => header.revision)).size).toBe(1);
    }
  });

  // integration/v3_lease_test.go:TestV3LeaseRequireLeader, lease_test.go:TestLeaseWithRequireLeader
  it("are not kept alive by who requires a leader where there is none", async () => {
    const [member, ...others] = shared.cluster.members;
    if (member === undefined) throw new Error("expected members");
    await using connection = shared.connect({ endpoints: member.endpoint });
    const leases = createLeases(connection);
    const { id } = await leases.grant(60);
    // Under way before: a stream that is refused as it opens is in no books.
    const keepAlive = leases.keepAlive(id, { requireLeader: true });
    await keepAlive[Symbol.asyncIterator]().next();
    await Promise.all(others.map((other) => other.kill()));
    try {
      if (!keepAlive.signal.aborted) await once(keepAlive.signal, "abort");
      expect(isKeepAliveHalted(keepAlive.signal.reason, "no-leader")).toBe(true);
      // That is what the server has in its books, too: it ended the stream, and not the client.
      const page = await (await fetch(`${member.endpoint}/metrics`)).text();
      const ended =
        /^grpc_server_handled_total\{grpc_code="Unavailable",grpc_method="LeaseKeepAlive",.*\} (\d+)$/m;
      expect(Number(ended.exec(page)?.[1])).toBeGreaterThanOrEqual(1);
    } finally {
      await Promise.all(others.map((other) => other.restart()));
      await allServe(shared.cluster);
    }
  });
});
