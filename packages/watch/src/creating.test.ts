import { describe, expect, it } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { reader, revisionsOf } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("a watch that is being created", () => {
  it("asks for what it was told to watch", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    watcher.watch(
      { prefix: "a" },
      { startRevision: 7n, prevKv: true, progressNotify: true, events: "puts", fragment: true },
    );
    const stream = await etcd.stream();
    expect(await stream.create()).toMatchObject({
      key: text("a"),
      rangeEnd: text("b"),
      startRevision: 7n,
      prevKv: true,
      progressNotify: true,
      filters: [1],
      fragment: true,
    });
  });

  it("asks for events from now on, and for nothing special, unless told otherwise", async () => {
    const etcd = new FakeEtcd();
    createWatcher(etcd).watch("a");
    const stream = await etcd.stream();
    expect(await stream.create()).toMatchObject({
      key: text("a"),
      rangeEnd: new Uint8Array(),
      startRevision: 0n,
      prevKv: false,
      progressNotify: false,
      filters: [],
      fragment: false,
    });
  });

  it("can ask for deletions only", async () => {
    const etcd = new FakeEtcd();
    createWatcher(etcd).watch("a", { events: "deletes" });
    expect((await (await etcd.stream()).create()).filters).toEqual([0]);
  });

  it("begins at once, whether or not anyone reads", async () => {
    const etcd = new FakeEtcd();
    const watch = createWatcher(etcd).watch("a");
    await (await etcd.stream()).accept(0, 5);
    expect(await watch.created).toEqual({ revision: 5n });
    expect(await watch.created).toEqual({ revision: 5n });
  });

  it("is asked for beside others, and is told from them by the order of the answers", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const watches = ["a", "b", "c"].map((key) => watcher.watch(key));
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    for (const key of ["b", "c"]) expect((await stream.create()).key).toEqual(text(key));
    for (const id of [1, 2]) stream.created(id, 5 + id);
    const created = await Promise.all(watches.map((watch) => watch.created));
    expect(created.map(({ revision }) => revision)).toEqual([5n, 6n, 7n]);
    expect(etcd.opened).toBe(1);
  });

  it("waits its turn where 64 are being created", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const watches = Array.from({ length: 67 }, (_, index) => watcher.watch(`${index}`));
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    for (let index = 1; index <= 64; index++) await stream.create();
    expect(stream.unread).toBe(0);
    stream.created(1, 5);
    expect((await stream.create()).key).toEqual(text("65"));
    expect(stream.unread).toBe(0);
    for (let id = 2; id < 66; id++) stream.created(id, 5);
    await stream.accept(66, 9);
    expect(await watches.at(-1)?.created).toEqual({ revision: 9n });
  });

  // A proxy answers out of order: who joins another client's watch need not wait for etcd.
  it("waits for each before it where ids are not as asked for, so that none is taken for another", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const watches = ["a", "b", "c"].map((key) => watcher.watch(key));
    const stream = await etcd.stream();
    stream.ownIds = true;
    for (const [id, key] of ["a", "b", "c"].entries()) {
      expect((await stream.create()).key).toEqual(text(key));
      expect(stream.unread).toBe(0);
      stream.created(id, 5 + id);
      expect(await watches[id]?.created).toEqual({ revision: BigInt(5 + id) });
    }
  });

  it("has an id of its own choice only where that tells something", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    for (const key of ["a", "b", "c"]) watcher.watch(key);
    const stream = await etcd.stream();
    const refused = await stream.create();
    stream.refuse("mvcc: watcher range is empty");
    expect((await stream.accept(0, 5)).watchId).toBe(refused.watchId);
    expect((await stream.create()).watchId).toBe(0n);
  });

  it("delivers exactly what is later than created, also when the header is ahead of the events", async () => {
    const etcd = new FakeEtcd();
    const watch = createWatcher(etcd).watch("a");
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    // etcd 3.7 reads the header after it has registered the watch.
    stream.events(0, [4, 5]);
    stream.events(0, [5, 6]);
    expect(revisionsOf(await reader(watch).next())).toEqual([6]);
  });

  it("delivers nothing from before its start, which servers may send for one in the future", async () => {
    const etcd = new FakeEtcd();
    const watch = createWatcher(etcd).watch("a", { startRevision: 10n });
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    stream.events(0, [6, 7]);
    stream.progress(0, 8);
    stream.events(0, [10, 11]);
    expect(revisionsOf(await reader(watch).next())).toEqual([10, 11]);
  });

  it("is cancelled on the server when it was closed meanwhile", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const first = watcher.watch("a");
    const second = watcher.watch("b");
    const stream = await etcd.stream();
    await stream.create();
    await first.close();
    stream.created(0, 5);
    expect(await stream.cancel()).toBe(0n);
    await stream.accept(1, 5);
    expect(await second.created).toEqual({ revision: 5n });
  });

  it("is not asked for when it was closed before its turn", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    for (let index = 0; index < 64; index++) watcher.watch("a");
    const second = watcher.watch("b");
    watcher.watch("c");
    const stream = await etcd.stream();
    await second.close();
    for (let index = 0; index < 64; index++) await stream.accept(index, 5);
    expect((await stream.accept(64, 5)).key).toEqual(text("c"));
  });
});

describe("streams", () => {
  // client/v3/watch_test.go:TestStreamKeyFromCtx
  it("are shared by watches with the same metadata, however it is spelt", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    watcher.watch("a", { headers: { One: "1", two: "2" } });
    watcher.watch("b", {
      headers: new Headers([
        ["two", "2"],
        ["one", "1"],
      ]),
    });
    const stream = await etcd.stream();
    await stream.accept(0, 1);
    await stream.accept(1, 1);
    expect(etcd.opened).toBe(1);
  });

  it("are apart for watches with other metadata, or that do without a leader", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    watcher.watch("a");
    watcher.watch("b", { requireLeader: true });
    watcher.watch("c", { requireLeader: false });
    watcher.watch("d", { headers: { one: "1" } });
    expect(etcd.opened).toBe(3);
  });

  it("end with their last watch, and begin again with the next", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const watch = watcher.watch("a");
    const stream = await etcd.stream();
    await stream.accept(0, 1);
    await watch.created;
    await watch.close();
    expect(stream.left).toBe(true);
    watcher.watch("b");
    await (await etcd.stream()).accept(0, 1);
    expect(etcd.opened).toBe(2);
  });
});
