import { CompactedError, type Kv, utf8, type Watcher } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { type Bridge, openBridge } from "@etcdkit/testing";
import { createWatcher } from "@etcdkit/watch";
import { expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";
import { Replica } from "./replica.js";

describeEachEtcd("a watch and compaction", (etcd) => {
  const shared = etcd.shared();

  async function onLink(
    run: (ground: {
      readonly kv: Kv;
      readonly watcher: Watcher;
      readonly link: Bridge;
      readonly prefix: string;
    }) => Promise<void>,
  ): Promise<void> {
    await using link = await openBridge(shared.endpoints[0] ?? "");
    await using direct = shared.connect();
    await using connection = shared.connect({ endpoints: link.endpoint });
    await run({
      kv: createKv(direct),
      watcher: createWatcher(connection),
      link,
      prefix: uniqueKey("compaction"),
    });
  }

  /** Writes a key so many times, and returns the last revision. */
  async function write(kv: Kv, key: string, times: number): Promise<bigint> {
    let last = 0n;
    for (let i = 0; i < times; i++) last = (await kv.put(key, `${i}`)).header.revision;
    return last;
  }

  // watch_test.go:TestWatchCompactRevision, kv_test.go:TestKVCompact,
  // e2e/watch_test.go:TestStartWatcherFromCompactedRevision
  it("that starts before what is left ends with COMPACTED, which names what is left", () =>
    onLink(async ({ kv, watcher, prefix }) => {
      const last = await write(kv, prefix, 5);
      await kv.compact(last - 1n);
      const observer = new Observer(watcher.watch(prefix, { startRevision: last - 3n }));
      const error = await observer.end();
      expect(error).toBeInstanceOf(CompactedError);
      expect(error).toMatchObject({ code: "COMPACTED", compactRevision: last - 1n });
      expect(observer.batches).toEqual([]);
    }));

  // e2e/watch_test.go:TestStartWatcherFromCompactedRevision
  it("that starts at the revision of the compaction still sees it", () =>
    onLink(async ({ kv, watcher, prefix }) => {
      const last = await write(kv, prefix, 5);
      await kv.compact(last - 1n);
      const observer = new Observer(watcher.watch(prefix, { startRevision: last - 1n }));
      await observer.count(2);
      expect(observer.events).toEqual([`put ${prefix} 3`, `put ${prefix} 4`]);
    }));

  // watch_test.go:TestWatch
  it.runIf(etcd.has("refused-negative-start"))(
    "from a revision below 0, made by hand, is refused as compacted",
    () =>
      onLink(async ({ watcher }) => {
        const observer = new Observer(watcher.open({ key: Buffer.from("key"), startRevision: -1n }));
        expect(await observer.end()).toMatchObject({ code: "COMPACTED" });
      }),
  );

  // e2e/watch_test.go:TestDeleteEventDrop_Issue18089, TestResumeCompactionOnTombstone
  it.runIf(etcd.has("tombstone-at-compaction"))(
    "that starts at the revision of the compaction sees it also when it was a deletion",
    () =>
      onLink(async ({ kv, watcher, prefix }) => {
        await kv.put(prefix, "");
        const { header } = await kv.delete(prefix);
        await kv.put(`${prefix}other`, "");
        await kv.compact(header.revision);
        const observer = new Observer(watcher.watch(prefix, { startRevision: header.revision }));
        await observer.count(1);
        expect(observer.events).toEqual([`delete ${prefix}`]);
      }),
  );

  // watch_test.go:TestWatchResumeCompacted
  it("that happens while it is cut off ends it with COMPACTED, after what came before", () =>
    onLink(async ({ kv, watcher, link, prefix }) => {
      const watch = watcher.watch(prefix);
      await watch.created;
      const seen = await write(kv, prefix, 3);
      const observer = new Observer(watch);
      await observer.count(3);
      await link.refuse();
      link.cut();
      const last = await write(kv, prefix, 100);
      await kv.compact(last);
      await link.pass();
      expect(await observer.end()).toMatchObject({
        code: "COMPACTED",
        compactRevision: last,
        lastSeen: seen,
      });
      expect(observer.events).toHaveLength(3);
    }));

  it("goes on from the state of the keys after it, where resync is asked for", () =>
    onLink(async ({ kv, watcher, link, prefix }) => {
      await kv.put(`${prefix}stays`, "1");
      await kv.put(`${prefix}goes`, "1");
      const watch = watcher.watch({ prefix }, { onCompacted: "resync" });
      await watch.created;
      const observer = new Observer(watch);
      await kv.put(`${prefix}seen`, "1");
      await observer.count(1);
      await link.refuse();
      link.cut();
      await kv.delete(`${prefix}goes`);
      await kv.put(`${prefix}comes`, "1");
      await kv.compact(await write(kv, `${prefix}stays`, 10));
      await link.pass();
      await observer.until(() => observer.batches.at(-1)?.kind === "state");
      await kv.put(`${prefix}after`, "1");
      await observer.count(2);
      const state = observer.batches.find((batch) => batch.kind === "state");
      expect(state).toMatchObject({ last: true });
      expect(state?.kvs.map(({ key }) => utf8(key).slice(prefix.length))).toEqual(["comes", "seen", "stays"]);
      expect(observer.events).toEqual([`put ${prefix}seen 1`, `put ${prefix}after 1`]);
    }));

  // v3_watch_test.go:TestV3NoEventsLostOnCompact
  it("does not let a slow reader miss anything: it ends with COMPACTED at the gap", () =>
    onLink(async ({ kv, watcher, prefix }) => {
      const watch = watcher.watch(prefix, { maxBufferBytes: 10_000 });
      const { revision } = await watch.created;
      const last = await write(kv, prefix, 500);
      await kv.compact(last);
      const observer = new Observer(watch);
      expect(await observer.end()).toMatchObject({ code: "COMPACTED", compactRevision: last });
      const seen = observer.revisions;
      expect(seen.length).toBeGreaterThan(10);
      expect(seen).toEqual(seen.map((_, i) => revision + BigInt(i) + 1n));
      expect(await observer.end()).toMatchObject({ lastSeen: seen.at(-1) });
    }));

  it("keeps a copy of the keys true through writes, cuts and compactions", () =>
    onLink(async ({ kv, watcher, link, prefix }) => {
      for (let i = 0; i < 300; i++) await kv.put(`${prefix}${i}`, "x".repeat(100));
      const watch = watcher.watch(
        { prefix },
        { initial: true, onCompacted: "resync", maxBufferBytes: 20_000 },
      );
      const replica = new Replica(watch);
      let last = 0n;
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 60; i++) {
          const key = `${prefix}${(i * 7 + round) % 400}`;
          const { header } = i % 3 === 0 ? await kv.delete(key) : await kv.put(key, `${round}.${i}`);
          last = header.revision;
          if (i === 20) link.cut();
        }
        if (round % 2 === 1) await kv.compact(last);
      }
      last = (await kv.put(`${prefix}end`, "end")).header.revision;
      await replica.reached(last);
      const { kvs } = await kv.range({ prefix });
      expect(replica.pairs()).toEqual(kvs.map(({ key, value }) => [utf8(key), utf8(value)]));
    }));
});
