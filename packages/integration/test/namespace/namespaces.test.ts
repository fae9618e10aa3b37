import { compare, type Event, isDelete, op, utf8, type Watch } from "@etcdkit/core";
import { createLeases } from "@etcdkit/lease";
import { namespaceKv, namespaceLeases, namespaceWatcher, withNamespace } from "@etcdkit/namespace";
import { createWatcher } from "@etcdkit/watch";
import { createEtcd } from "etcdkit";
import { expect, it } from "vitest";
import { bytes, collect, names, sharedStore, textAt } from "../kv/store.js";
import { describeEachEtcd } from "../support/each-etcd.js";
import { uniqueKey } from "../support/unique-key.js";

/** The next events of a watch, so many of them. */
async function next(watch: Watch, count: number): Promise<readonly Event[]> {
  const events: Event[] = [];
  for await (const batch of watch) {
    if (batch.kind === "events") events.push(...batch.events);
    if (events.length >= count) break;
  }
  return events;
}

describeEachEtcd("a namespace", (etcd) => {
  const store = sharedStore(etcd);

  // namespace_test.go:TestNamespacePutGet
  it("puts a key behind the prefix and gets it without", async () => {
    const prefix = uniqueKey("foo");
    const own = namespaceKv(store.kv, prefix);
    await own.put("abc", "bar");
    expect(names((await own.range("abc")).kvs)).toEqual(["abc"]);
    expect(names((await store.kv.range(`${prefix}abc`)).kvs)).toEqual([`${prefix}abc`]);
    expect(await textAt(own, "abc")).toBe("bar");
  });

  // namespace_test.go:TestNamespaceWatch
  it("delivers the same write to its own watch and to others, each with their form of the key", async () => {
    const prefix = uniqueKey("foo");
    const watcher = createWatcher(store.connection);
    await using own = namespaceWatcher(watcher, prefix);
    const watches = [own.watch("abc"), watcher.watch(`${prefix}abc`)] as const;
    await Promise.all(watches.map(({ created }) => created));
    const { header } = await namespaceKv(store.kv, prefix).put("abc", "bar");
    const seen = await Promise.all(watches.map((watch) => next(watch, 1)));
    expect(seen.map(([event]) => event?.kv && utf8(event.kv.key))).toEqual(["abc", `${prefix}abc`]);
    for (const [event] of seen) {
      expect(event?.kv).toMatchObject({ value: bytes("bar"), modRevision: header.revision, version: 1n });
    }
  });

  // namespace_test.go:TestNamespaceWatch
  it("ends its watches when the connection closes", async () => {
    const connection = store.connect();
    const own = namespaceWatcher(createWatcher(connection), uniqueKey());
    const watch = own.watch("abc");
    await watch.created;
    const ended = expect(next(watch, 1)).rejects.toMatchObject({ code: "CLOSED" });
    await connection.close();
    await ended;
    await own.close();
  });

  it("watches all of itself and no more, with what was there before", async () => {
    const prefix = bytes(`${uniqueKey()}\x7f`);
    const end = Uint8Array.from([...prefix.slice(0, -1), 0x80]);
    const watcher = createWatcher(store.connection);
    const own = namespaceWatcher(watcher, prefix);
    const kv = namespaceKv(store.kv, prefix);
    await kv.put("a", "old");
    const all = own.watch({ from: "" }, { prevKv: true });
    const state = own.watch({ prefix: "" }, { initial: true });
    await Promise.all([all.created, state.created]);
    await store.kv.put(prefix, "the bare prefix");
    await store.kv.put(end, "the first key behind");
    await kv.put("a", "new");
    await kv.delete("a");
    const events = await next(all, 2);
    expect(events.map((event) => [isDelete(event), event.kv && utf8(event.kv.key)])).toEqual([
      [false, "a"],
      [true, "a"],
    ]);
    expect(events.map(({ prevKv }) => prevKv && [utf8(prevKv.key), utf8(prevKv.value)])).toEqual([
      ["a", "old"],
      ["a", "new"],
    ]);
    for await (const batch of state) {
      if (batch.kind !== "state") continue;
      expect(names(batch.kvs)).toEqual(["a"]);
      break;
    }
    // Closing the namespace leaves the watches of others alone.
    const other = watcher.watch(end);
    await other.created;
    await own.close();
    await store.kv.put(end, "again");
    expect(await next(other, 1)).toHaveLength(1);
  });

  it("translates nested transactions with every kind of operation and compares of ranges", async () => {
    const prefix = uniqueKey();
    const kv = namespaceKv(namespaceKv(store.kv, prefix), "in/");
    await kv.put("a", "1");
    await kv.put("b", "2");
    const nested = op.txn({
      compare: [compare.missing({ from: "c" }), compare.modRevision({ prefix: "" }).greaterThan(0n)],
      success: [
        op.delete({ from: "b" }, { prevKv: true }),
        op.put("a", "3", { prevKv: true }),
        op.range({ from: "a", to: "z" }),
      ],
    });
    const { succeeded, responses } = await kv.txn({
      compare: [compare.value({ from: "a", to: "b" }).equals("1"), compare.exists("b")],
      success: [op.range({ prefix: "" }, { keysOnly: true }), nested, op.put("A", "4")],
      failure: [op.delete({ from: "\0" })],
    });
    expect(succeeded).toBe(true);
    expect(responses[0]).toMatchObject({ kvs: [{ key: bytes("a") }, { key: bytes("b") }] });
    expect(responses[1]).toMatchObject({
      succeeded: true,
      responses: [
        { deleted: 1, prevKvs: [{ key: bytes("b"), value: bytes("2") }] },
        { prevKv: { key: bytes("a"), value: bytes("1") } },
        { kvs: [{ key: bytes("a"), value: bytes("3") }] },
      ],
    });
    expect(names((await store.kv.range({ prefix })).kvs)).toEqual([`${prefix}in/A`, `${prefix}in/a`]);
  });

  it("answers with what was there before a put and a deletion, without the prefix", async () => {
    const kv = namespaceKv(store.kv, uniqueKey());
    await kv.put("a", "1");
    expect((await kv.put("a", "2", { prevKv: true })).prevKv).toMatchObject({
      key: bytes("a"),
      value: bytes("1"),
    });
    expect((await kv.delete("a", { prevKv: true })).prevKvs).toMatchObject([
      { key: bytes("a"), value: bytes("2") },
    ]);
  });

  it.each<readonly (readonly number[])[]>([
    [[0x61, 0xff], [0x62]],
    [
      [0xff, 0xff],
      [0xff, 0xfe],
    ],
    [[0xff], [0xfe]],
    [[0x61, 0xff, 0xff], [0x62]],
  ])("is emptied by a deletion from a key on, and nothing else is: prefix %j", async (prefix, foreign) => {
    const kv = namespaceKv(store.kv, Uint8Array.from(prefix));
    const outside = [Uint8Array.from(prefix), Uint8Array.from(foreign)];
    for (const key of outside) await store.kv.put(key, "foreign");
    for (const key of ["\0", "a", Uint8Array.of(0xff, 0xff)]) await kv.put(key, "own");
    expect((await kv.range({ prefix: "" })).count).toBe(3);
    expect((await collect(kv.scan({ from: "" }, { pageSize: 1 }))).flat()).toHaveLength(3);
    expect((await kv.delete({ from: "\0" })).deleted).toBe(3);
    for (const key of outside) expect((await store.kv.delete(key)).deleted).toBe(1);
  });

  it("has no empty key, as a server has none", async () => {
    const kv = namespaceKv(store.kv, uniqueKey());
    for (const view of [store.kv, kv]) {
      const refusal = {
        code: "EMPTY_KEY",
        message: expect.stringContaining("etcdserver: key is not provided"),
      };
      await expect(view.get("")).rejects.toMatchObject(refusal);
      await expect(view.put("", "v")).rejects.toMatchObject({ ...refusal, outcome: "not-applied" });
      await expect(view.delete("")).rejects.toMatchObject({ ...refusal, outcome: "not-applied" });
      await expect(view.txn({ success: [op.put("", "v")] })).rejects.toMatchObject(refusal);
      await expect(view.txn({ compare: [compare.exists("")] })).rejects.toMatchObject(refusal);
    }
  });

  it("lists of a lease the keys inside only; a lease takes all of its keys along", async () => {
    const prefix = uniqueKey();
    await using all = createLeases(store.connection);
    await using own = namespaceLeases(all, prefix);
    const kv = namespaceKv(store.kv, prefix);
    const { id } = await own.grant(600);
    await kv.put("a", "v", { leaseId: id });
    await store.kv.put(`${prefix.slice(0, -1)}0`, "foreign", { leaseId: id });
    await store.kv.put(prefix, "the bare prefix", { leaseId: id });
    expect((await own.timeToLive(id, { keys: true }))?.keys.map(utf8)).toEqual(["a"]);
    expect((await all.timeToLive(id, { keys: true }))?.keys).toHaveLength(3);
    expect((await own.list()).ids).toContain(id);
    const kept = own.keepAlive(id);
    const foreign = all.keepAlive(id);
    for await (const _ of foreign) break;
    const stays = all.keepAlive(id);
    await own.close();
    expect([kept.signal.aborted, stays.signal.aborted]).toEqual([true, false]);
    await all.revoke(id);
    expect(await kv.get("a")).toBeUndefined();
    expect(await own.timeToLive(id)).toBeUndefined();
  });

  it("is made of a whole client at once, twice over, and closes with it", async () => {
    const prefix = uniqueKey();
    const client = createEtcd({ endpoints: store.endpoints });
    await using tenant = withNamespace(withNamespace(client, prefix), "deep/");
    await using watch = tenant.watcher.watch({ prefix: "" });
    await watch.created;
    const { id } = await tenant.leases.grant(600);
    await tenant.kv.put("k", "v", { leaseId: id });
    expect((await tenant.leases.timeToLive(id, { keys: true }))?.keys.map(utf8)).toEqual(["k"]);
    expect((await next(watch, 1))[0]?.kv?.key).toEqual(bytes("k"));
    expect(await textAt(store.kv, `${prefix}deep/k`)).toBe("v");
    await tenant.leases.revoke(id);
    await tenant.close();
    await expect(client.kv.get("k")).rejects.toMatchObject({ code: "CLOSED" });
  });
});
