import { connect } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import type { EtcdMember } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { allServe, becomesLeaderless, rolesOf } from "../support/leader.js";
import { uniqueKey } from "../support/unique-key.js";
import { compareWithJournal, none, readJournal } from "./journal.js";
import { Observer } from "./observer.js";

/** Those that are left may have to elect a leader first. */
const callTimeoutMs = 30_000;

describeEachEtcd("a watch on several members", (etcd) => {
  // Few log entries are kept, so that a member that was away is brought up to date by a snapshot.
  const shared = etcd.shared({
    members: 3,
    partitionable: true,
    args: ["--snapshot-count=10", ...(etcd.atLeast("3.6") ? ["--snapshot-catchup-entries=5"] : [])],
  });

  /** Cuts one follower off from the others. */
  async function withLoneMember(
    run: (lone: EtcdMember, others: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const { cluster } = shared;
    const [lone] = (await rolesOf(cluster)).followers;
    if (lone === undefined) throw new Error("expected followers");
    const others = cluster.members.filter((member) => member !== lone).map(({ endpoint }) => endpoint);
    try {
      await run(lone, others);
    } finally {
      cluster.heal();
      await allServe(cluster);
    }
  }

  // watch_test.go:TestWatchWithRequireLeader, v3_grpc_test.go:TestGRPCStreamRequireLeader
  it("ends with NO_LEADER when the only member that it knows has none; without that demand it reads on", () =>
    withLoneMember(async (lone) => {
      const { cluster } = shared;
      await using connection = shared.connect({ endpoints: lone.endpoint });
      await using watcher = createWatcher(connection);
      const key = uniqueKey();
      const { header } = await createKv(connection).put(key, "before");
      const strict = watcher.watch(key);
      const lax = watcher.watch(key, { requireLeader: false });
      await Promise.all([strict.created, lax.created]);
      const strictObserver = new Observer(strict);
      const laxObserver = new Observer(lax);
      cluster.partition([lone]);
      await becomesLeaderless(cluster, lone);
      expect(await strictObserver.end(15_000)).toMatchObject({ code: "NO_LEADER", endpoint: lone.endpoint });
      expect(laxObserver.over).toBe(false);
      const past = new Observer(watcher.watch(key, { requireLeader: false, startRevision: header.revision }));
      await past.count(1);
      expect(past.events).toEqual([`put ${key} before`]);
      const late = new Observer(watcher.watch(key));
      expect(await late.end(15_000)).toMatchObject({ code: "NO_LEADER" });
      if (etcd.has("request-metric")) {
        const page = await (await fetch(`${lone.endpoint}/metrics`)).text();
        const streams =
          /^etcd_server_client_requests_total\{client_api_version="3\.7",type="stream"\} (\d+)$/m;
        expect(Number(streams.exec(page)?.[1])).toBeGreaterThanOrEqual(1);
      }
      cluster.heal();
      await allServe(cluster);
      const again = watcher.watch(key);
      await again.created;
      await createKv(connection).put(key, "after", { idempotent: true });
      await new Observer(again).count(1);
      await laxObserver.count(1);
    }));

  it("moves to another member when its own loses the others, and misses nothing", () =>
    withLoneMember(async (lone, others) => {
      const { cluster } = shared;
      await using direct = shared.connect({ endpoints: others, callTimeoutMs });
      await using connection = shared.connect({ endpoints: [lone.endpoint, ...others] });
      const kv = createKv(direct);
      const prefix = uniqueKey();
      // Several streams, so that some are on the member that is cut off.
      await using watcher = createWatcher(connection);
      const watches = Array.from({ length: 6 }, (_, i) =>
        watcher.watch({ prefix }, { headers: { stream: `${i}` } }),
      );
      const starts = await Promise.all(watches.map((watch) => watch.created));
      const observers = watches.map((watch) => new Observer(watch));
      cluster.partition([lone]);
      let last = 0n;
      for (let i = 0; i < 20; i++)
        last = (await kv.put(`${prefix}${i}`, "", { idempotent: true })).header.revision;
      for (const observer of observers) await observer.reached(last, 15_000);
      // The journal may be that of the lone member.
      cluster.heal();
      const journal = await readJournal(cluster, { prefix }, last);
      for (const [i, { batches }] of observers.entries()) {
        expect(compareWithJournal(journal, batches, starts[i]?.revision ?? 0n)).toEqual(none);
      }
    }));

  // v3_watch_restore_test.go:TestV3WatchRestoreSnapshotUnsync
  it("on a member that was away, and is brought up to date (from 3.6 on by a snapshot), misses nothing", () =>
    withLoneMember(async (lone, others) => {
      const { cluster } = shared;
      await using direct = shared.connect({ endpoints: others, callTimeoutMs });
      await using connection = shared.connect({ endpoints: lone.endpoint });
      const kv = createKv(direct);
      const prefix = uniqueKey();
      await using watcher = createWatcher(connection);
      const watch = watcher.watch({ prefix }, { requireLeader: false });
      const { revision } = await watch.created;
      const observer = new Observer(watch);
      cluster.partition([lone]);
      let last = 0n;
      for (let i = 0; i < 40; i++)
        last = (await kv.put(`${prefix}${i}`, "", { idempotent: true })).header.revision;
      cluster.heal();
      await observer.reached(last, 20_000);
      const journal = await readJournal(cluster, { prefix }, last);
      expect(compareWithJournal(journal, observer.batches, revision)).toEqual(none);
    }));

  it("goes on when its member is killed, wherever it was", async () => {
    const { cluster } = shared;
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const prefix = uniqueKey();
    const watches = Array.from({ length: 6 }, (_, i) =>
      watcher.watch({ prefix }, { headers: { stream: `${i}` } }),
    );
    const starts = await Promise.all(watches.map((watch) => watch.created));
    const observers = watches.map((watch) => new Observer(watch));
    let last = 0n;
    for (const member of cluster.members) {
      const others = cluster.members.filter((other) => other !== member);
      await using direct = shared.connect({
        endpoints: others.map(({ endpoint }) => endpoint),
        callTimeoutMs,
      });
      await member.kill();
      for (let i = 0; i < 5; i++) {
        last = (await createKv(direct).put(`${prefix}${member.name}${i}`, "", { idempotent: true })).header
          .revision;
      }
      for (const observer of observers) await observer.reached(last, 15_000);
      await member.restart();
      await allServe(cluster);
    }
    const journal = await readJournal(cluster, { prefix }, last);
    for (const [i, { batches }] of observers.entries()) {
      expect(compareWithJournal(journal, batches, starts[i]?.revision ?? 0n)).toEqual(none);
    }
  });

  it("goes on when all members were killed and are back", async () => {
    const { cluster } = shared;
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const key = uniqueKey();
    const watch = watcher.watch(key);
    await watch.created;
    const observer = new Observer(watch);
    await Promise.all(cluster.members.map((member) => member.kill()));
    await Promise.all(cluster.members.map((member) => member.restart()));
    await createKv(connection).put(key, "back", { idempotent: true, timeoutMs: 30_000 });
    await observer.count(1, 20_000);
    expect(observer.events).toEqual([`put ${key} back`]);
  });
});

describeEachEtcd("a watch and a learner", (etcd) => {
  it("is served by a voter when there is one, and refused when there is none", async () => {
    await using cluster = await etcd.start();
    const voter = cluster.endpoints[0] ?? "";
    const learner = await cluster.addMember({ learner: true });
    await using connection = connect({ endpoints: [learner.endpoint, voter] });
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    for (let i = 0; i < 4; i++) {
      const watch = watcher.watch("key", { headers: { stream: `${i}` } });
      await watch.created;
      await kv.put("key", `${i}`);
      await new Observer(watch).count(1);
    }
    await using lonely = connect({ endpoints: learner.endpoint });
    const observer = new Observer(createWatcher(lonely).watch("key"));
    expect(await observer.end()).toMatchObject({ code: "NOT_SUPPORTED_FOR_LEARNER" });
  });
});
