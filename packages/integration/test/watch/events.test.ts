import {
  type BytesLike,
  isCreate,
  isDelete,
  isModify,
  type KeyOrRange,
  type Kv,
  op,
  utf8,
  type Watcher,
} from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createLeases } from "@etcdkit/lease";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";

describeEachEtcd("a watch", (etcd) => {
  const shared = etcd.shared();

  /** The services over a connection of their own, and keys of their own. */
  async function withServices(
    run: (services: { readonly kv: Kv; readonly watcher: Watcher; readonly prefix: string }) => Promise<void>,
  ): Promise<void> {
    await using connection = shared.connect();
    await run({ kv: createKv(connection), watcher: createWatcher(connection), prefix: uniqueKey("watch") });
  }

  // v3_watch_test.go:TestV3WatchFromCurrentRevision, watch_test.go:TestWatchRange, common/watch_test.go:TestWatch
  it.each<[string, (prefix: string) => KeyOrRange, readonly string[]]>([
    ["one key", (prefix) => `${prefix}b`, ["b"]],
    ["a key that is not written", (prefix) => `${prefix}none`, []],
    ["a prefix", (prefix) => ({ prefix }), ["a", "b", "bar", "c", "d"]],
    ["another prefix", (prefix) => ({ prefix: `${prefix}b` }), ["b", "bar"]],
    ["a range", (prefix) => ({ from: `${prefix}a`, to: `${prefix}c` }), ["a", "b", "bar"]],
    ["all keys from one on", (prefix) => ({ from: `${prefix}bar` }), ["bar", "c", "d"]],
    ["every key", () => ({ prefix: "" }), ["a", "b", "bar", "c", "d"]],
  ])("sees the events of %s, and no others", (_, keys, seen) =>
    withServices(async ({ kv, watcher, prefix }) => {
      const observer = new Observer(watcher.watch(keys(prefix)));
      const end = new Observer(watcher.watch(`${prefix}end`));
      await watcher.watch(`${prefix}end`).created;
      for (const name of ["a", "b", "bar", "c", "d"]) await kv.put(`${prefix}${name}`, name);
      await kv.put(`${prefix}end`, "");
      await end.count(1);
      const expected = seen.map((name) => `put ${prefix}${name} ${name}`);
      await observer.count(expected.length);
      expect(observer.events.filter((event) => !event.includes("end"))).toEqual(expected);
    }),
  );

  // watch_test.go:TestWatchMultiWatcher, v3_watch_test.go:TestV3WatchMultipleWatchersSynced
  it("sees what others on its stream see as well", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const keys = ["foo", "bar", "baz"].map((name) => `${prefix}${name}`);
      const one = keys.map((key) => new Observer(watcher.watch(key)));
      const all = new Observer(watcher.watch({ prefix }));
      await watcher.watch(prefix).created;
      for (let round = 0; round < 3; round++) {
        for (const key of keys) await kv.put(key, `${round}`);
      }
      await all.count(9);
      for (const [i, observer] of one.entries()) {
        await observer.count(3);
        expect(observer.events).toEqual([0, 1, 2].map((round) => `put ${keys[i]} ${round}`));
      }
      expect(all.events).toEqual([0, 1, 2].flatMap((round) => keys.map((key) => `put ${key} ${round}`)));
    }));

  // v3_watch_test.go:TestV3WatchMultipleWatchersUnsynced, TestV3WatchMultipleEventsPutUnsynced
  it("sees the past from its start revision on, then what comes", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const { header } = await kv.put(`${prefix}0`, "");
      for (let i = 1; i < 10; i++) await kv.put(`${prefix}${i}`, "");
      const observer = new Observer(watcher.watch({ prefix }, { startRevision: header.revision + 3n }));
      await observer.count(7);
      await kv.put(`${prefix}x`, "");
      await observer.count(8);
      expect(observer.events).toEqual([3, 4, 5, 6, 7, 8, 9, "x"].map((name) => `put ${prefix}${name}`));
    }));

  // v3_watch_test.go:TestV3WatchFutureRevision
  it("waits for a start revision in the future, and sees nothing before it", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const { header } = await kv.put(prefix, "0");
      const startRevision = header.revision + 5n;
      const observer = new Observer(watcher.watch(prefix, { startRevision }));
      for (let i = 1; i < 8; i++) await kv.put(prefix, `${i}`);
      await observer.count(3);
      expect(observer.events).toEqual([5, 6, 7].map((i) => `put ${prefix} ${i}`));
      expect(observer.revisions[0]).toBe(startRevision);
    }));

  // v3_watch_test.go:TestV3WatchWrongRange
  it("of a range that is empty is refused by the server, alone", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const good = new Observer(watcher.watch(prefix));
      const bytes = (text: string): Uint8Array => Buffer.from(text);
      // `watch` would not let it pass.
      const bad = watcher.open({ key: bytes(`${prefix}b`), rangeEnd: bytes(`${prefix}a`) });
      await expect(bad.created).rejects.toMatchObject({ code: "WATCHER_RANGE_EMPTY" });
      await kv.put(prefix, "on");
      await good.count(1);
    }));

  // v3_watch_test.go:TestV3WatchMultipleEventsTxnSynced
  it("gets the events of a transaction together", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const observer = new Observer(watcher.watch({ prefix }));
      await watcher.watch({ prefix }).created;
      const names = Array.from({ length: 100 }, (_, i) => `${prefix}${String(i).padStart(3, "0")}`);
      const { header } = await kv.txn({ success: names.map((name) => op.put(name, "")) });
      await observer.count(100);
      expect(observer.batches).toHaveLength(1);
      expect(observer.batches[0]).toMatchObject({ kind: "events", revision: header.revision });
      expect(observer.events).toEqual(names.map((name) => `put ${name}`));
    }));

  // v3_watch_test.go:TestV3WatchMultipleEventsTxnUnsynced
  it("gets the events of a transaction of the past together", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const names = Array.from({ length: 100 }, (_, i) => `${prefix}${String(i).padStart(3, "0")}`);
      const { header } = await kv.txn({ success: names.map((name) => op.put(name, "")) });
      const observer = new Observer(watcher.watch({ prefix }, { startRevision: header.revision }));
      await observer.count(100);
      expect(observer.batches).toHaveLength(1);
    }));

  // v3_watch_test.go:TestV3WatchEmptyKey
  it("sees a put of nothing as a put", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const observer = new Observer(watcher.watch(prefix));
      await watcher.watch(prefix).created;
      await kv.put(prefix, "");
      await observer.count(1);
      expect(observer.events).toEqual([`put ${prefix}`]);
    }));

  // watch_test.go:TestWatchEventType
  it("tells creation, change and deletion apart, by a request or with the lease", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      await using connection = shared.connect();
      await using leases = createLeases(connection);
      const observer = new Observer(watcher.watch({ prefix }, { prevKv: true }));
      await watcher.watch({ prefix }).created;
      await kv.put(`${prefix}a`, "1");
      await kv.put(`${prefix}a`, "2");
      await kv.delete(`${prefix}a`);
      const lease = await leases.grant(4);
      await kv.put(`${prefix}b`, "1", { leaseId: lease.id });
      await observer.count(5);
      const events = observer.batches.flatMap((batch) => (batch.kind === "events" ? batch.events : []));
      expect(events.map((event) => [isCreate(event), isModify(event), isDelete(event)])).toEqual([
        [true, false, false],
        [false, true, false],
        [false, false, true],
        [true, false, false],
        [false, false, true],
      ]);
      expect(events[3]?.kv?.lease).toBe(lease.id);
      const before = events.map(({ prevKv }) => (prevKv === undefined ? undefined : utf8(prevKv.value)));
      expect(before).toEqual([undefined, "1", "2", undefined, "1"]);
    }));

  // watch_test.go:TestWatchWithFilter, v3_watch_test.go:TestV3WatchWithFilter
  it("leaves out the kind of event that is not wanted", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const puts = new Observer(watcher.watch(prefix, { events: "puts" }));
      const deletes = new Observer(watcher.watch(prefix, { events: "deletes" }));
      await watcher.watch(prefix).created;
      for (let i = 0; i < 3; i++) {
        await kv.put(prefix, `${i}`);
        await kv.delete(prefix);
      }
      await puts.count(3);
      await deletes.count(3);
      expect(puts.events).toEqual([0, 1, 2].map((i) => `put ${prefix} ${i}`));
      expect(deletes.events).toEqual([0, 1, 2].map(() => `delete ${prefix}`));
    }));

  // watch_test.go:TestWatchMixedPrevKVOnSameKeySeparateStreams, v3_watch_test.go:TestV3WatchWithPrevKV
  it("has what was before exactly where it was asked for", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      await kv.put(prefix, "before");
      const watches = Array.from({ length: 10 }, (_, i) =>
        watcher.watch(i < 5 ? prefix : { prefix }, { prevKv: i % 2 === 0, headers: { stream: `${i}` } }),
      );
      const observers = watches.map((watch) => new Observer(watch));
      await Promise.all(watches.map((watch) => watch.created));
      await kv.put(prefix, "after");
      for (const [i, observer] of observers.entries()) {
        await observer.count(1);
        const [batch] = observer.batches;
        const prevKv = batch?.kind === "events" ? batch.events[0]?.prevKv : undefined;
        expect(prevKv === undefined ? undefined : utf8(prevKv.value)).toBe(
          i % 2 === 0 ? "before" : undefined,
        );
      }
    }));

  // v3_watch_test.go:TestV3WatchCurrentPutOverlap
  it("that is opened while others write sees exactly what is later than created", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      let last = 0n;
      const writing = (async () => {
        for (let i = 0; i < 300; i++) last = (await kv.put(prefix, `${i}`)).header.revision;
      })();
      const watches = await Promise.all(
        Array.from({ length: 16 }, async (_, i) => {
          const watch = watcher.watch(prefix, { headers: { stream: `${i % 4}` } });
          const { revision } = await watch.created;
          return { observer: new Observer(watch), revision };
        }),
      );
      await writing;
      await kv.put(prefix, "end");
      last += 1n;
      for (const { observer, revision } of watches) {
        await observer.reached(last);
        const expected = Array.from({ length: Number(last - revision) }, (_, i) => revision + BigInt(i) + 1n);
        expect(observer.revisions).toEqual(expected);
      }
    }));

  // v3_watch_test.go:TestV3WatchMultipleStreamsSynced
  it("is one of many streams, each of which counts from 0", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const watches = Array.from({ length: 5 }, (_, i) =>
        watcher.watch(prefix, { headers: { stream: `${i}` } }),
      );
      await Promise.all(watches.map((watch) => watch.created));
      await kv.put(prefix, "all");
      for (const watch of watches) await new Observer(watch).count(1);
    }));

  // watch_test.go:TestWatchWithCreatedNotification
  it("tells the revision that it was created at, once", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const { header } = await kv.put(prefix, "");
      const watch = watcher.watch(prefix);
      expect(await watch.created).toEqual({ revision: header.revision });
      expect(await watch.created).toEqual({ revision: header.revision });
    }));

  it("of the empty key sees nothing, and is no error", () =>
    withServices(async ({ kv, watcher, prefix }) => {
      const empty: BytesLike = "";
      const observer = new Observer(watcher.watch(empty));
      const other = new Observer(watcher.watch(prefix));
      await watcher.watch(prefix).created;
      await kv.put(prefix, "");
      await other.count(1);
      expect(observer.over).toBe(false);
      expect(observer.events).toEqual([]);
    }));
});
