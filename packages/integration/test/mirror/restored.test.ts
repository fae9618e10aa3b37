import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, HistoryReplacedError, type Kv } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import type { EtcdCluster } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { type Ground, pairsOf, RunningMirror } from "./ground.js";

interface Restorable extends Omit<Ground, "prefix" | "destinationRoot"> {
  /** Keeps what the source has now. */
  save(): Promise<void>;
  /** Sets the source back to that. */
  restore(): Promise<void>;
  /** Kills the source and starts it again. */
  restart(): Promise<void>;
}

describeEachEtcd("F38 a mirror of a source that is set back to an earlier state", (etcd) => {
  async function onRestorable(run: (ground: Restorable) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "etcdkit-"));
    try {
      await using cluster = await etcd.start();
      await using other = await etcd.start();
      await using source = connect({ endpoints: cluster.endpoints });
      await using destination = connect({ endpoints: other.endpoints });
      await using watcher = createWatcher(source);
      await run({
        source: { kv: createKv(source), watcher },
        destination: { kv: createKv(destination) },
        options: { prefix: "s/", destinationPrefix: "d/", checkpointKey: "checkpoint" },
        ...setBack(cluster, folder),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  it("ends with HISTORY_REPLACED, and leaves the destination as it was", () =>
    onRestorable(async ({ save, restore, ...ground }) => {
      const { kv } = ground.source;
      await kv.put("s/a", "before");
      await save();
      await using running = new RunningMirror(ground);
      await running.reached(await write(kv, "s/b", 10));
      const copy = await pairsOf(ground.destination.kv, "");
      await restore();
      expect(await running.end()).toBeInstanceOf(HistoryReplacedError);
      await write(kv, "s/c", 1);
      expect(await pairsOf(ground.destination.kv, "")).toEqual(copy);
      // Nor does it go on when it is started again.
      await using again = new RunningMirror(ground);
      expect(await again.end()).toMatchObject({ code: "HISTORY_REPLACED" });
      expect(await pairsOf(ground.destination.kv, "d/")).toEqual({ a: "before", b: "9" });
    }));

  it("notices also when the source has come as far again meanwhile, with the same keys", () =>
    onRestorable(async ({ save, restore, ...ground }) => {
      const { kv } = ground.source;
      await kv.put("s/a", "before");
      await save();
      await using running = new RunningMirror(ground);
      const last = await write(kv, "s/b", 10);
      await running.reached(last);
      await running.stop();
      await restore();
      for (let i = 0; i < 30; i++) await kv.put("s/b", `another ${i}`, { idempotent: true });
      expect((await kv.range("s/b")).header.revision).toBeGreaterThan(last);
      await using again = new RunningMirror(ground);
      expect(await again.end()).toMatchObject({ code: "HISTORY_REPLACED", seen: last });
      expect(await pairsOf(ground.destination.kv, "d/")).toEqual({ a: "before", b: "9" });
    }));

  it("ends with CLUSTER_CHANGED where the source is another cluster now", () =>
    onRestorable(async (ground) => {
      await using running = new RunningMirror(ground);
      await running.reached(await write(ground.source.kv, "s/b", 3));
      await running.stop();
      await using cluster = await etcd.start();
      await using connection = connect({ endpoints: cluster.endpoints });
      await using watcher = createWatcher(connection);
      const source = { kv: createKv(connection), watcher };
      await write(source.kv, "s/b", 10);
      await using again = new RunningMirror({ ...ground, source });
      expect(await again.end()).toMatchObject({ code: "CLUSTER_CHANGED" });
    }));

  it("goes on when it was only restarted", () =>
    onRestorable(async ({ restart, ...ground }) => {
      await using running = new RunningMirror(ground);
      await running.reached(await write(ground.source.kv, "s/b", 3));
      await restart();
      await running.reached(await write(ground.source.kv, "s/c", 3));
      await running.stop();
      await restart();
      await using again = new RunningMirror(ground);
      await again.reached(await write(ground.source.kv, "s/d", 3));
      expect(await pairsOf(ground.destination.kv, "d/")).toEqual({ b: "2", c: "2", d: "2" });
    }));
});

/** Ways to keep and to bring back what the one member of a cluster has stored. */
function setBack(cluster: EtcdCluster, folder: string): Pick<Restorable, "save" | "restore" | "restart"> {
  const [member] = cluster.members;
  if (member === undefined) throw new Error("a cluster without members");
  return {
    async restart() {
      await member.kill();
      await member.restart();
    },
    async save() {
      await member.stop();
      await cp(member.dataDirectory, folder, { recursive: true });
      await member.restart();
    },
    async restore() {
      await member.kill();
      await rm(member.dataDirectory, { recursive: true });
      await cp(folder, member.dataDirectory, { recursive: true });
      await member.restart();
    },
  };
}

/** Writes a key so many times, and returns the last revision. */
async function write(kv: Kv, key: string, times: number): Promise<bigint> {
  let last = 0n;
  // The member may have been restarted just before.
  for (let i = 0; i < times; i++) last = (await kv.put(key, `${i}`, { idempotent: true })).header.revision;
  return last;
}
