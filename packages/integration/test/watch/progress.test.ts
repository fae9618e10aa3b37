import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";

describeEachEtcd("progress of a watch", (etcd) => {
  // The name of the flag lost its prefix in 3.6.
  const flag = etcd.atLeast("3.6")
    ? "--watch-progress-notify-interval"
    : "--experimental-watch-progress-notify-interval";
  const shared = etcd.shared({ args: [`${flag}=200ms`] });

  // watch_test.go:TestConfigurableWatchProgressNotifyInterval, TestWatchWithProgressNotifyNoEvent,
  // v3_watch_test.go:TestWatchWithProgressNotify
  it("is told while there are no events, where it is asked for", async () => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const { header } = await createKv(connection).put(uniqueKey(), "");
    const told = new Observer(watcher.watch(uniqueKey(), { progressNotify: true }));
    const untold = new Observer(watcher.watch(uniqueKey()));
    await told.until(() => told.batches.length >= 2);
    expect(told.batches[0]).toMatchObject({ kind: "progress", revision: header.revision });
    expect(untold.batches).toEqual([]);
  });

  // watch_test.go:TestWatchWithProgressNotify2
  it("moves with writes of other keys", async () => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    const watch = watcher.watch(uniqueKey(), { progressNotify: true });
    await watch.created;
    const observer = new Observer(watch);
    const { header } = await kv.put(uniqueKey("other"), "");
    await observer.reached(header.revision);
    expect(observer.batches.every(({ kind }) => kind === "progress")).toBe(true);
  });

  // watch_test.go:TestWatchRequestProgress
  it.each([1, 2])("is told on request to all of %i watches, with the present revision", async (count) => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const watches = Array.from({ length: count }, () => watcher.watch(uniqueKey()));
    await Promise.all(watches.map((watch) => watch.created));
    const observers = watches.map((watch) => new Observer(watch));
    const { header } = await createKv(connection).put(uniqueKey("other"), "");
    expect(await watches[0]?.requestProgress()).toBeGreaterThanOrEqual(header.revision);
    for (const observer of observers) await observer.reached(header.revision);
  });

  // v3_watch_test.go:TestV3WatchProgressWaitsForSync
  it.runIf(etcd.has("progress-in-step"))("is told only after the events that it covers", async () => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    const prefix = uniqueKey();
    const first = await kv.put(prefix, "0");
    for (let i = 1; i < 3_000; i += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, j) => kv.put(prefix, `${i + j}`)));
    }
    const watch = watcher.watch(prefix, { startRevision: first.header.revision });
    const observer = new Observer(watch);
    const revision = await watch.requestProgress();
    await observer.reached(revision);
    const progress = observer.batches.findIndex(({ kind }) => kind === "progress");
    const before = observer.batches
      .slice(0, progress)
      .flatMap((batch) => (batch.kind === "events" ? batch.events : []));
    expect(before).toHaveLength(3_001);
    expect(observer.batches[progress]?.revision).toBeGreaterThanOrEqual(first.header.revision + 3_000n);
  });

  // v3_watch_test.go:TestV3WatchProgressWaitsForSyncNoEvents
  it("comes also when there is nothing to catch up with but the revisions of others", async () => {
    await using connection = shared.connect();
    await using watcher = createWatcher(connection);
    const kv = createKv(connection);
    const first = await kv.put(uniqueKey(), "");
    for (let i = 0; i < 50; i++) await kv.put(uniqueKey(), "");
    const watch = watcher.watch(uniqueKey(), { startRevision: first.header.revision });
    expect(await watch.requestProgress()).toBeGreaterThanOrEqual(first.header.revision + 50n);
  });
});
