import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { Observer } from "../watch/observer.js";
import { Witness } from "./witness.js";

// F50
describeEachEtcd("a member that was restarted from a snapshot of its log", (etcd) => {
  it("has forgotten its simple tokens: calls, watches and leases go on with one that is new, after one log-in", async () => {
    await using cluster = await etcd.start({
      auth: "simple",
      args: ["--snapshot-count=10", ...(etcd.atLeast("3.6") ? ["--snapshot-catchup-entries=5"] : [])],
    });
    const [member] = cluster.members;
    const witness = new Witness();
    await using connection = witness.connect(cluster);
    const kv = createKv(connection);
    await using watcher = createWatcher(connection);
    await using leases = createLeases(connection);
    const watch = watcher.watch("key");
    await watch.created;
    const observer = new Observer(watch);
    const held = leases.keepAlive((await leases.grant(15)).id);
    const renewals = held[Symbol.asyncIterator]();
    await renewals.next();
    for (let i = 0; i < 50; i++) await kv.put("filler", `${i}`);
    expect(witness.logIns).toBe(1);
    await member?.restart();
    await Promise.all(Array.from({ length: 20 }, (_, i) => kv.put("key", `${i}`)));
    await observer.count(20);
    await renewals.next();
    expect(held.signal.aborted).toBe(false);
    expect(witness.logIns).toBe(2);
    witness.expectSecretsKept();
  });
});
