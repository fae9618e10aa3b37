import type { Connection, KvExecutor, Leases, WatchOpener } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { openLeasingKv } from "@etcdkit/leasing";
import { withNamespace } from "@etcdkit/namespace";
import { describeKv, type KvFixture } from "@etcdkit/testing/compliance";
import { createWatcher } from "@etcdkit/watch";
import { describeEachEtcd, describeOldestAndNewestEtcd } from "../support/each-etcd.js";

function servicesOf(connection: Connection): {
  readonly kv: KvExecutor;
  readonly leases: Leases;
  readonly watcher: WatchOpener;
} {
  return {
    kv: createKv(connection),
    leases: createLeases(connection),
    watcher: createWatcher(connection),
  };
}

describeEachEtcd("the compliance suite", (etcd) => {
  const shared = etcd.shared();

  async function wrapped(): Promise<KvFixture> {
    const connection = shared.connect();
    const kv = await openLeasingKv(servicesOf(connection), "leasing/");
    return {
      kv,
      async [Symbol.asyncDispose]() {
        await kv.close();
        await connection.close();
      },
    };
  }

  describeKv("a leasing kv", wrapped, { maxTxnOps: 64 });
});

// What wrappers make of each other hardly depends on the version.
describeOldestAndNewestEtcd("the compliance suite", (etcd) => {
  // Each wrapper puts guards of its own around a transaction.
  const shared = etcd.shared({ args: ["--max-txn-ops=256"] });

  async function wrappedTwice(): Promise<KvFixture> {
    const connection = shared.connect();
    const services = servicesOf(connection);
    const inner = await openLeasingKv(services, "inner/", { maxTxnOps: 128 });
    const kv = await openLeasingKv({ ...services, kv: inner }, "outer/");
    return {
      kv,
      async [Symbol.asyncDispose]() {
        await kv.close();
        await inner.close();
        await connection.close();
      },
    };
  }

  async function inNamespace(): Promise<KvFixture> {
    const connection = shared.connect();
    const { kv, leases, watcher } = servicesOf(connection);
    const services = withNamespace({ kv, leases, watcher }, "tenant/");
    const leasing = await openLeasingKv(services, "leasing/");
    return {
      kv: leasing,
      async [Symbol.asyncDispose]() {
        await leasing.close();
        await connection.close();
      },
    };
  }

  describeKv("a leasing kv over a leasing kv", wrappedTwice, { maxTxnOps: 64 });
  describeKv("a leasing kv in a namespace", inNamespace, { maxTxnOps: 64 });
});
