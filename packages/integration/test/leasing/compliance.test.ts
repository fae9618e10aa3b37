import type { Connection } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { type LeasingKv, type LeasingServices, openLeasingKv } from "@etcdkit/leasing";
import { withNamespace } from "@etcdkit/namespace";
import { describeKv, type KvFixture } from "@etcdkit/testing/compliance";
import { createWatcher } from "@etcdkit/watch";
import { afterAll } from "vitest";
import { describeEachEtcd, describeOldestAndNewestEtcd, type SharedCluster } from "../support/each-etcd.js";

/** Opens leasing clients, the innermost first, on the services of a connection. */
type Opening = (services: LeasingServices) => Promise<readonly LeasingKv[]>;

/** All cases share one client: each finds in memory what those before it have left there. */
function sharedClient(shared: SharedCluster, open: Opening): () => Promise<KvFixture> {
  let [connection, opening]: [Connection?, Promise<readonly LeasingKv[]>?] = [];
  afterAll(async () => {
    for (const kv of (await opening)?.toReversed() ?? []) await kv.close();
    await connection?.close();
  });
  return async () => {
    connection ??= shared.connect();
    opening ??= open({
      kv: createKv(connection),
      leases: createLeases(connection),
      watcher: createWatcher(connection),
    });
    const kv = (await opening).at(-1);
    if (kv === undefined) throw new Error("nothing was opened");
    return { kv, [Symbol.asyncDispose]: () => Promise.resolve() };
  };
}

describeEachEtcd("the compliance suite", (etcd) => {
  const wrapped = sharedClient(etcd.shared(), async (services) => [
    await openLeasingKv(services, "leasing/"),
  ]);
  describeKv("a leasing kv", wrapped, { maxTxnOps: 64 });
});

// What wrappers make of each other hardly depends on the version.
describeOldestAndNewestEtcd("the compliance suite", (etcd) => {
  // Each wrapper puts guards of its own around a transaction.
  const shared = etcd.shared({ args: ["--max-txn-ops=256"] });
  const wrappedTwice = sharedClient(shared, async (services) => {
    const inner = await openLeasingKv(services, "inner/", { maxTxnOps: 128 });
    return [inner, await openLeasingKv({ ...services, kv: inner }, "outer/")];
  });
  describeKv("a leasing kv over a leasing kv", wrappedTwice, { maxTxnOps: 64 });
});

describeOldestAndNewestEtcd("the compliance suite", (etcd) => {
  const inNamespace = sharedClient(etcd.shared(), async (services) => [
    await openLeasingKv(withNamespace({ ...services }, "tenant/"), "leasing/"),
  ]);
  describeKv("a leasing kv in a namespace", inNamespace, { maxTxnOps: 64 });
});
