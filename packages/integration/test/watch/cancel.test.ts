import type { Kv, Watcher } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";
import { expectServerWatchers } from "./server-watchers.js";

describeEachEtcd("a watch that is cancelled", (etcd) => {
  const shared = etcd.shared();
  const server = (): string => shared.endpoints[0] ?? "";

  async function withServices(
    run: (services: { readonly kv: Kv; readonly watcher: Watcher; readonly key: string }) => Promise<void>,
  ): Promise<void> {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    await run({ kv: createKv(connection), watcher, key: uniqueKey() });
    await watcher.close();
    await expectServerWatchers(server(), 0);
  }

  // watch_test.go:TestWatchCancelImmediate
  it("before it began ends at once", () =>
    withServices(async ({ watcher, key }) => {
      const reason = new Error("never mind");
      const observer = new Observer(watcher.watch(key, { signal: AbortSignal.abort(reason) }));
      expect(await observer.end(1_000)).toBe(reason);
    }));

  // watch_test.go:TestWatchCancelInit, TestWatchCancelRunning
  it.each([0, 1])("after %i events ends at once", (events) =>
    withServices(async ({ kv, watcher, key }) => {
      const controller = new AbortController();
      const watch = watcher.watch(key, { signal: controller.signal });
      await watch.created;
      const observer = new Observer(watch);
      for (let i = 0; i < events; i++) await kv.put(key, "");
      await observer.count(events);
      const reason = new Error("enough");
      controller.abort(reason);
      expect(await observer.end(1_000)).toBe(reason);
    }),
  );

  // watch_test.go:TestWatchCancelDisconnected
  it("while the server cannot be reached ends at once", async () => {
    await using link = await openBridge(server());
    await using connection = shared.connect({ endpoints: link.endpoint });
    await using watcher = createWatcher(connection);
    const watch = watcher.watch("key");
    await watch.created;
    const observer = new Observer(watch);
    await link.refuse();
    link.cut();
    await watch.close();
    expect(await observer.end(1_000)).toBeUndefined();
    const another = watcher.watch("key");
    await another.close();
    expect(await new Observer(another).end(1_000)).toBeUndefined();
  });

  // watch_test.go:TestWatchCancelOnServer, v3_watch_test.go:TestV3WatchCancellation
  it("vanishes from the server: alone on its stream, or among others", () =>
    withServices(async ({ watcher, key }) => {
      const controllers = Array.from({ length: 10 }, () => new AbortController());
      const apart = controllers.map(({ signal }, i) =>
        watcher.watch(key, { signal, headers: { stream: `${i}` } }),
      );
      const together = Array.from({ length: 10 }, () => watcher.watch(key));
      await Promise.all([...apart, ...together].map((watch) => watch.created));
      await expectServerWatchers(server(), 20);
      for (const controller of controllers) controller.abort();
      await expectServerWatchers(server(), 10);
      for (const watch of together.slice(1)) await watch.close();
      await expectServerWatchers(server(), 1);
    }));

  // v3_watch_test.go:TestV3WatchCloseCancelRace, TestV3WatchClose
  it("in all the ways at once leaves nothing behind", () =>
    withServices(async ({ kv, watcher, key }) => {
      const ends = Array.from({ length: 300 }, async (_, i) => {
        const controller = new AbortController();
        const watch = watcher.watch(key, { signal: controller.signal, headers: { stream: `${i % 3}` } });
        if (i % 2 === 0) await watch.created;
        if (i % 5 === 0) await kv.put(key, "");
        if (i % 3 === 0) controller.abort();
        if (i % 3 === 1) await watch.close();
        if (i % 3 === 2) void watch[Symbol.asyncIterator]().return?.();
      });
      await Promise.all(ends);
      await expectServerWatchers(server(), 0);
    }));

  // v3_watch_test.go:TestV3WatchCancelSynced, TestV3WatchCancelUnsynced
  it.each([false, true])("sees nothing more (from the past: %s)", (past) =>
    withServices(async ({ kv, watcher, key }) => {
      const { header } = await kv.put(key, "0");
      const watch = watcher.watch(key, past ? { startRevision: header.revision } : {});
      await watch.created;
      const observer = new Observer(watch);
      await watch.close();
      await kv.put(key, "1");
      expect(await observer.end(1_000)).toBeUndefined();
      expect(observer.events.filter((event) => event.endsWith("1"))).toEqual([]);
    }),
  );

  // watch_test.go:TestWatchOverlapContextCancel, TestWatchOverlapDropConnContextCancel
  it.each([false, true])("takes no other down with it (link cut meanwhile: %s)", async (cut) => {
    await using link = await openBridge(server());
    await using direct = shared.connect();
    await using connection = shared.connect({ endpoints: link.endpoint });
    await using watcher = createWatcher(connection);
    const kv = createKv(direct);
    const key = uniqueKey();
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          const watch = watcher.watch(key, { headers: { stream: `${(i + round) % 5}` } });
          const { revision } = await watch.created;
          const observer = new Observer(watch);
          if (cut && i === 10) link.cut();
          await kv.put(key, `${i}`);
          await observer.until(() => observer.events.length > 0);
          expect(observer.revisions[0]).toBe(revision + 1n);
          await watch.close();
        }),
      );
    }
    await expectServerWatchers(server(), 0);
  });

  // watch_test.go:TestWatchCancelAndCloseClient, TestWatchClose
  it("may be so while the connection is being closed", async () => {
    const connection = shared.connect();
    const watcher = createWatcher(connection);
    const controller = new AbortController();
    const watch = watcher.watch("key", { signal: controller.signal });
    await watch.created;
    const observer = new Observer(watch);
    const reason = new Error("enough");
    controller.abort(reason);
    await connection.close();
    expect(await observer.end()).toBe(reason);
    await watcher.close();
    await expectServerWatchers(server(), 0);
  });
});
