import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterChangedError, connect, HistoryReplacedError } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { Observer } from "./observer.js";

describeEachEtcd("a watch of a store that is not what it was", (etcd) => {
  it("ends with HISTORY_REPLACED when the cluster was set back, also a watch that is quiet", async () => {
    const folder = await mkdtemp(join(tmpdir(), "etcdkit-"));
    try {
      await using cluster = await etcd.start();
      const [member] = cluster.members;
      if (member === undefined) throw new Error("expected a member");
      await using connection = connect({ endpoints: cluster.endpoints });
      const kv = createKv(connection);
      for (let i = 0; i < 10; i++) await kv.put("key", `${i}`);
      await member.stop();
      await cp(member.dataDirectory, folder, { recursive: true });
      await member.restart();

      await using watcher = createWatcher(connection);
      const { header } = await kv.put("key", "later", { idempotent: true });
      for (let i = 0; i < 9; i++) await kv.put("key", `${i}`);
      const busy = watcher.watch("key", { startRevision: header.revision });
      const quiet = watcher.watch("other");
      await quiet.created;
      const observers = [new Observer(busy), new Observer(quiet)];
      await observers[0]?.count(10);
      const seen = (await kv.range("key")).header.revision;

      await member.kill();
      await rm(member.dataDirectory, { recursive: true });
      await cp(folder, member.dataDirectory, { recursive: true });
      await member.restart();
      const now = (await kv.range("key")).header.revision;
      expect(now).toBeLessThan(seen);
      for (const observer of observers) {
        const error = await observer.end();
        expect(error).toBeInstanceOf(HistoryReplacedError);
        expect(error).toMatchObject({ code: "HISTORY_REPLACED", seen, now });
      }
      // Whoever knows that may begin anew.
      const fresh = watcher.watch("key");
      await fresh.created;
      await kv.put("key", "new");
      await new Observer(fresh).count(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("ends with CLUSTER_CHANGED when another cluster answers at the same address", async () => {
    await using old = await etcd.start();
    await using other = await etcd.start();
    await using link = await openBridge(old.endpoints[0] ?? "");
    await using connection = connect({ endpoints: link.endpoint });
    await using watcher = createWatcher(connection);
    const watch = watcher.watch("key");
    await watch.created;
    const observer = new Observer(watch);
    link.swap(other.endpoints[0] ?? "");
    link.cut();
    const error = await observer.end();
    expect(error).toBeInstanceOf(ClusterChangedError);
    expect(error).toMatchObject({ code: "CLUSTER_CHANGED" });
  });
});
