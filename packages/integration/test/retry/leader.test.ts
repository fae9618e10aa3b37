import { createKv } from "@etcdkit/kv";
import { expect, it } from "vitest";
import { describeEachEtcd, type SharedCluster } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { rejection } from "../support/rejection.js";
import { uniqueKey } from "../support/unique-key.js";

/** Less than the 7 s that a member takes to say that it could not ask a leader. */
const atOnceMs = 4_000;

/** Runs a case while one follower is cut off from the others and knows it. */
async function withLoneMember(
  { cluster }: SharedCluster,
  run: (endpoint: string, heal: () => void) => Promise<void>,
): Promise<void> {
  const [lone] = (await rolesOf(cluster)).followers;
  if (lone === undefined) throw new Error("expected followers");
  cluster.partition([lone]);
  try {
    await becomesLeaderless(cluster, lone);
    await run(lone.endpoint, () => cluster.heal());
  } finally {
    cluster.heal();
    await allServe(cluster);
  }
}

describeEachEtcd("a member without a leader", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

  // kv_test.go:TestKVPutWithRequireLeader
  it("refuses a put that requires a leader, with NO_LEADER", () =>
    withLoneMember(shared, async (endpoint) => {
      await using connection = shared.connect({ endpoints: endpoint });
      const key = uniqueKey();
      await connection.ready();
      const { error, afterMs } = await rejection(() =>
        createKv(connection).put(key, "value", { requireLeader: true }),
      );
      expect(error).toMatchObject({ code: "NO_LEADER", endpoint, grpcCode: "UNAVAILABLE" });
      expect(afterMs).toBeLessThan(atOnceMs);
      if (etcd.has("request-metric")) {
        const page = await (await fetch(`${endpoint}/metrics`)).text();
        const requests =
          /^etcd_server_client_requests_total\{client_api_version="3\.7",type="unary"\} (\d+)$/m;
        expect(Number(requests.exec(page)?.[1])).toBeGreaterThanOrEqual(1);
      }
    }));

  // v3_grpc_test.go:TestGRPCRequireLeader
  it("refuses a read that requires a leader: others are asked, or NO_LEADER is what it ends with", () =>
    withLoneMember(shared, async (endpoint) => {
      await using connection = shared.connect({ endpoints: endpoint });
      await connection.ready();
      const { error, afterMs } = await rejection(() =>
        createKv(connection).get("any", { requireLeader: true }),
      );
      expect(error).toMatchObject({ code: "NO_LEADER", endpoint });
      expect(afterMs).toBeLessThan(atOnceMs);

      await using everywhere = shared.connect({ endpoints: [endpoint, ...shared.endpoints] });
      await everywhere.ready();
      // Such a call does not wait for others: they have to be there.
      await expect
        .poll(() => [...everywhere.states().values()], { timeout: 15_000 })
        .toEqual(["ready", "ready", "ready"]);
      for (let i = 0; i < 6; i++) {
        await createKv(everywhere).get("any", { requireLeader: true, serializable: true });
      }
    }));

  // network_partition_test.go:TestBalancerUnderNetworkPartitionSerializableGet
  it("serves serializable reads", () =>
    withLoneMember(shared, async (endpoint) => {
      await using connection = shared.connect({ endpoints: endpoint });
      await createKv(connection).get("any", { serializable: true, timeoutMs: atOnceMs });
    }));

  // network_partition_test.go:TestDropReadUnderNetworkPartition
  it("answers a linearizable read when it finds the others again, whatever it said meanwhile", () =>
    withLoneMember(shared, async (endpoint, heal) => {
      await using connection = shared.connect({ endpoints: endpoint });
      const reading = createKv(connection).get("any", { timeoutMs: 20_000 });
      reading.catch(() => undefined); // looked at below
      heal();
      expect(await reading).toBeUndefined();
    }));

  it("is what a read notices least when the leadership moves under it", async () => {
    const { cluster } = shared;
    const { leader } = await rolesOf(cluster);
    await using connection = shared.connect();
    const kv = createKv(connection);
    await connection.ready();
    const stop = new AbortController();
    const reading = Promise.all(
      Array.from({ length: 8 }, async () => {
        let reads = 0;
        while (!stop.signal.aborted) {
          // The old leader takes 7 s to say that it cannot confirm a read, which begins anew then.
          await kv.get("any", { timeoutMs: 30_000 });
          reads++;
        }
        return reads;
      }),
    );
    reading.catch(() => undefined); // looked at below
    cluster.partition([leader]);
    const others = cluster.members.filter((member) => member !== leader);
    try {
      await rolesOf(cluster, others);
    } finally {
      cluster.heal();
      stop.abort();
      await allServe(cluster);
    }
    for (const reads of await reading) expect(reads).toBeGreaterThan(0);
  });
});
