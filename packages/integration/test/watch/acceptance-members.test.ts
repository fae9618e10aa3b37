import { createKv } from "@etcdkit/kv";
import { type EtcdMember, openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { together } from "../support/together.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";

describeEachEtcd("a watch on two members, whose links fall silent in turn", (etcd) => {
  const shared = etcd.shared({ members: 2 });

  // connectivity/black_hole_test.go:TestBalancerUnderBlackholeKeepAliveWatch
  it("moves from the one to the other and back, and misses nothing", async () => {
    await using bridges = await together(...shared.endpoints.map((endpoint) => openBridge(endpoint)));
    const [first, second] = bridges.all;
    if (first === undefined || second === undefined) throw new Error("expected two members");
    await using direct = shared.connect();
    // As seldom as a connection may ping; without, it would wait for ten seconds.
    const keepAlive = { intervalMs: 5_000, timeoutMs: 1_000 };
    await using connection = shared.connect({ endpoints: first.endpoint, keepAlive });
    const kv = createKv(direct);
    const key = uniqueKey();
    const watch = createWatcher(connection).watch(key);
    await watch.created;
    const observer = new Observer(watch);
    connection.setEndpoints([first.endpoint, second.endpoint]);
    const ready = (endpoint: string): Promise<void> =>
      expect.poll(() => connection.states().get(endpoint), { timeout: 15_000 }).toBe("ready");
    await ready(second.endpoint);

    await first.blackhole();
    await kv.put(key, "there");
    await observer.count(1, 15_000);

    await first.pass();
    await ready(first.endpoint);
    await second.blackhole();
    await kv.put(key, "back");
    await observer.count(2, 15_000);
    expect(observer.events).toEqual([`put ${key} there`, `put ${key} back`]);
  });
});

describeEachEtcd("a watch whose member", (etcd) => {
  const shared = etcd.shared({ members: 3, partitionable: true });

  async function oneWho(role: "leads" | "follows"): Promise<EtcdMember> {
    const { leader, followers } = await rolesOf(shared.cluster);
    const one = role === "leads" ? leader : followers[0];
    if (one === undefined) throw new Error("expected followers");
    return one;
  }

  const endpointsBut = (member: EtcdMember): readonly string[] =>
    shared.endpoints.filter((endpoint) => endpoint !== member.endpoint);

  describe.each(["leads", "follows"] as const)("%s", (role) => {
    // connectivity/server_shutdown_test.go:TestBalancerUnderServerShutdownWatch
    it("and shuts down goes on at another one", async () => {
      const member = await oneWho(role);
      const others = endpointsBut(member);
      // For as long as the others may take to elect another leader.
      await using direct = shared.connect({ endpoints: others, callTimeoutMs: 30_000 });
      await using connection = shared.connect({ endpoints: member.endpoint });
      const key = uniqueKey();
      const watch = createWatcher(connection).watch(key);
      await watch.created;
      const observer = new Observer(watch);
      connection.setEndpoints([member.endpoint, ...others]);
      await member.stop();
      try {
        await createKv(direct).put(key, "seen", { idempotent: true });
        await observer.count(1, 15_000);
      } finally {
        await member.restart();
        await allServe(shared.cluster);
      }
      expect(observer.events).toEqual([`put ${key} seen`]);
    });

    // connectivity/network_partition_test.go:TestBalancerUnderNetworkPartitionWatchLeader,
    // TestBalancerUnderNetworkPartitionWatchFollower
    it("and is cut off from the others ends with NO_LEADER, unless it knows one of them", async () => {
      const { cluster } = shared;
      const member = await oneWho(role);
      const others = endpointsBut(member);
      await using direct = shared.connect({ endpoints: others, callTimeoutMs: 30_000 });
      await using lone = shared.connect({ endpoints: member.endpoint });
      await using connection = shared.connect({ endpoints: member.endpoint });
      const key = uniqueKey();
      const watches = [createWatcher(lone).watch(key), createWatcher(connection).watch(key)];
      await Promise.all(watches.map((watch) => watch.created));
      const [ends, moves] = watches.map((watch) => new Observer(watch));
      connection.setEndpoints([member.endpoint, ...others]);
      cluster.partition([member]);
      try {
        await becomesLeaderless(cluster, member);
        expect(await ends?.end(15_000)).toMatchObject({ code: "NO_LEADER", endpoint: member.endpoint });
        await createKv(direct).put(key, "seen", { idempotent: true });
        await moves?.count(1, 15_000);
        expect(moves?.events).toEqual([`put ${key} seen`]);
      } finally {
        cluster.heal();
        await allServe(cluster);
      }
    });
  });

  if (etcd.has("request-metric")) {
    // watch_test.go:TestWatchWithRequireLeader
    it("counts requests counts it as a stream, of a client of its version", async () => {
      const member = await oneWho("follows");
      await using connection = shared.connect({ endpoints: member.endpoint });
      await createWatcher(connection).watch(uniqueKey()).created;
      const page = await (await fetch(`${member.endpoint}/metrics`)).text();
      const streams = /^etcd_server_client_requests_total\{client_api_version="3\.7",type="stream"\} (\d+)$/m;
      expect(Number(streams.exec(page)?.[1])).toBeGreaterThanOrEqual(1);
    });
  }
});
