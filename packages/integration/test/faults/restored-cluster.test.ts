import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { ClusterChangedError, HistoryReplacedError, isKeepAliveHalted } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createMaintenance } from "@etcdkit/maintenance";
import { saveSnapshot } from "@etcdkit/snapshot";
import type { EtcdMember } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { connectTo } from "../support/connect-to.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { etcdctls, runEtcdctl } from "../support/etcdctl.js";
import { Observer } from "../watch/observer.js";

/**
 * A program that restores snapshots: that of 3.4, where it was part of `etcdctl` and comes in the server's package. What it
 * makes, servers start on up to 3.5.
 */
const etcdctl = etcdctls.find(({ version }) => version.startsWith("3.4."));

/** What becomes of a member that was stopped before it is started again. */
type Replacement = (member: EtcdMember, snapshot: string) => Promise<void>;

/** Lets the member begin anew: with its settings it is the same cluster, which has no history yet. */
const empty: Replacement = ({ dataDirectory }) => rm(dataDirectory, { recursive: true });

/** Puts what a snapshot holds in place of what the member has. By its token, a cluster is another one or the same. */
function restore(token: (member: EtcdMember) => string): Replacement {
  return async (member, snapshot) => {
    const { name, peerUrl, dataDirectory } = member;
    await empty(member, snapshot);
    const args = [
      ...["snapshot", "restore", snapshot, "--name", name, "--data-dir", dataDirectory],
      ...["--initial-cluster", `${name}=${peerUrl}`, "--initial-advertise-peer-urls", peerUrl],
      ...["--initial-cluster-token", token(member)],
    ];
    if (etcdctl === undefined) throw new Error("no etcdctl of 3.4 was found");
    await runEtcdctl(etcdctl, args);
  };
}

/** The launcher gives every cluster the name of its folder as its token. */
const tokenOf = ({ dataDirectory }: EtcdMember): string => basename(dirname(dirname(dataDirectory)));

interface Restored {
  readonly title: string;
  readonly replace: Replacement;
  readonly code: "HISTORY_REPLACED" | "CLUSTER_CHANGED";
}

const lost: Restored = {
  title: "F38 has lost its data",
  replace: empty,
  code: "HISTORY_REPLACED",
};

const restored: readonly Restored[] = [
  {
    title: "F38 was restored from a snapshot as what it was",
    replace: restore(tokenOf),
    code: "HISTORY_REPLACED",
  },
  {
    title: "F39 was restored from a snapshot as another one, at the same address",
    replace: restore(() => "another"),
    code: "CLUSTER_CHANGED",
  },
];

describeEachEtcd("when a cluster", (etcd) => {
  const restorable = etcdctl !== undefined && !etcd.atLeast("3.6");
  if (!restorable) {
    console.info(
      `etcd ${etcd.version}: no program here restores its snapshots, so that it only loses its data`,
    );
  }

  it.each([lost, ...(restorable ? restored : [])])(
    "$title, watches end and say so, also quiet ones, and leases are lost",
    async ({ replace, code }) => {
      const folder = await mkdtemp(join(tmpdir(), "etcdkit-"));
      try {
        await using cluster = await etcd.start();
        const [member] = cluster.members;
        if (member === undefined) throw new Error("expected a member");
        await using connection = connectTo(cluster);
        const kv = createKv(connection);
        for (let i = 0; i < 10; i++) await kv.put("key", `${i}`);
        const file = join(folder, "snapshot.db");
        await saveSnapshot(createMaintenance(connection), file, { endpoint: member.endpoint });

        await using watcher = createWatcher(connection);
        await using leases = createLeases(connection);
        const watches = [watcher.watch("key"), watcher.watch("other")];
        await Promise.all(watches.map((watch) => watch.created));
        const observers = watches.map((watch) => new Observer(watch));
        for (let i = 0; i < 10; i++) await kv.put("key", `later ${i}`);
        await observers[0]?.count(10);
        const seen = (await kv.range("key")).header;
        const held = leases.keepAlive((await leases.grant(10)).id);
        await held[Symbol.asyncIterator]().next();

        await member.stop();
        await replace(member, file);
        await member.restart();
        const backMs = performance.now();
        const ends = await Promise.all(observers.map((observer) => observer.end(30_000)));
        const afterMs = performance.now() - backMs;
        const now = (await kv.range("key")).header;
        expect(now.revision).toBeLessThan(seen.revision);
        for (const end of ends) {
          if (code === "HISTORY_REPLACED") {
            expect(end).toBeInstanceOf(HistoryReplacedError);
            expect(end).toMatchObject({ code, seen: seen.revision, now: now.revision });
            expect(now.clusterId).toBe(seen.clusterId);
          } else {
            expect(end).toBeInstanceOf(ClusterChangedError);
            expect(end).toMatchObject({ code });
            expect(now.clusterId).not.toBe(seen.clusterId);
          }
        }
        // Dials of a member that is away are at most 5 s apart, and take time on a busy machine.
        expect(afterMs).toBeLessThan(8_000);
        await expect.poll(() => held.signal.aborted, { timeout: 20_000 }).toBe(true);
        expect(isKeepAliveHalted(held.signal.reason, "expired")).toBe(true);

        // Whoever knows that may begin anew.
        const fresh = watcher.watch("key");
        await fresh.created;
        await kv.put("key", "new");
        await new Observer(fresh).count(1);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
