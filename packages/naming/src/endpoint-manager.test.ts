import { EtcdError, type KvExecutor, op, type WatchOpener } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { FakeStore } from "../test/fake-store.js";
import type { EndpointUpdate } from "./endpoint.js";
import { createEndpointManager, type EndpointManager } from "./endpoint-manager.js";
import type { EndpointWatch } from "./endpoint-watch.js";
import type { SkippedEndpoint } from "./skipped.js";

function onStore(target = "svc") {
  const store = new FakeStore();
  const skipped: SkippedEndpoint[] = [];
  const manager = createEndpointManager(store, target, { onSkipped: (one) => void skipped.push(one) });
  return { store, manager, skipped };
}

async function next(watch: EndpointWatch): Promise<readonly EndpointUpdate[]> {
  const result = await watch[Symbol.asyncIterator]().next();
  if (result.done === true) throw new Error("the watch has ended");
  return result.value;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("an endpoint manager", () => {
  it("writes every update in one transaction without conditions", async () => {
    const { store, manager } = onStore();
    await manager.update([
      { type: "add", key: "svc/a", endpoint: { address: "a:1" }, leaseId: 7n },
      { type: "delete", key: "svc/b" },
    ]);
    await manager.add("svc/c", { address: "c:1", metadata: "m" }, { leaseId: 8n });
    await manager.add("svc/d", { address: "d:1" });
    await manager.delete("svc/c");
    const put = (key: string, address: string, metadata: string, leaseId?: bigint) =>
      op.put(key, `{"Op":0,"Addr":"${address}","Metadata":${metadata}}`, { leaseId });
    expect(store.ops).toEqual(
      [
        [put("svc/a", "a:1", "null", 7n), op.delete("svc/b")],
        [put("svc/c", "c:1", '"m"', 8n)],
        [put("svc/d", "d:1", "null")],
        [op.delete("svc/c")],
      ].map((success) => ({ type: "txn", compare: [], success, failure: [] })),
    );
  });

  it("hands the options of a call on, and never says that a write may be repeated", async () => {
    const calls: unknown[] = [];
    const kv: KvExecutor = {
      execute(_op, call) {
        calls.push(call);
        return new Promise(() => undefined);
      },
    };
    const manager = createEndpointManager({ kv, watcher: new FakeStore() }, "svc");
    const { signal } = new AbortController();
    void manager.add("svc/a", { address: "a:1" }, { leaseId: 7n, signal, timeoutMs: 5 });
    void manager.delete("svc/a", { timeoutMs: 6 });
    void manager.update([], { timeoutMs: 7 });
    void manager.list({ timeoutMs: 8 });
    expect(calls).toEqual([{ signal, timeoutMs: 5 }, { timeoutMs: 6 }, { timeoutMs: 7 }, { timeoutMs: 8 }]);
  });

  it("lists what there is, in the order of bytes, from any member unless told otherwise", async () => {
    const { store, manager } = onStore();
    // As UTF-16 the second of these would come before the first.
    const keys = ["svc/", "svc/B", "svc/a", "svc/\uff5e", "svc/\u{1f600}"];
    for (const key of keys.toReversed()) store.put(key, '{"Addr":"a:1"}');
    expect([...(await manager.list()).keys()]).toEqual(keys);
    await manager.list({ serializable: false });
    expect(store.ops.map((asked) => asked.type === "range" && asked.serializable)).toEqual([true, undefined]);
  });

  it("leaves out what cannot be read, and tells", async () => {
    const { store, manager, skipped } = onStore();
    store.put("svc/a", '{"Addr":"a:1"}');
    store.put("svc/b", "no JSON");
    store.put(new Uint8Array([...text("svc/"), 0xff]), '{"Addr":"c:1"}');
    expect([...(await manager.list())]).toEqual([["svc/a", { address: "a:1" }]]);
    expect(skipped.map(({ target, key }) => [target, key])).toEqual([
      ["svc", text("svc/b")],
      ["svc", new Uint8Array([...text("svc/"), 0xff])],
    ]);
    expect(skipped.every(({ cause }) => cause instanceof Error)).toBe(true);
  });

  it("is not disturbed by a hook that throws", async () => {
    const store = new FakeStore();
    const onSkipped = (): void => {
      throw new Error("no");
    };
    const manager = createEndpointManager(store, "svc", { onSkipped });
    store.put("svc/b", "no JSON");
    expect((await manager.list()).size).toBe(0);
  });

  it("warns once where nobody listens for what is left out", async () => {
    const warning = vi.spyOn(process, "emitWarning").mockReturnValue(undefined);
    try {
      const store = new FakeStore();
      const manager = createEndpointManager(store, "svc");
      store.put("svc/b", "secret");
      await manager.list();
      await manager.list();
      expect(warning.mock.calls).toEqual([
        ['"svc" has an entry that cannot be read as an endpoint; it is left out', "EtcdNamingWarning"],
      ]);
    } finally {
      warning.mockRestore();
    }
  });

  it("refuses what belongs to another service, with Go's text", async () => {
    const { store, manager } = onStore();
    const message = "endpoint key should be prefixed with 'svc/'";
    const calls: readonly ((bad: string) => Promise<void>)[] = [
      (bad) => manager.add(bad, { address: "a:1" }),
      (bad) => manager.delete(bad),
      (bad) =>
        manager.update([
          { type: "delete", key: "svc/a" },
          { type: "delete", key: bad },
        ]),
    ];
    for (const call of calls) {
      for (const bad of ["svc", "svc_other/a", "other/svc/a", ""]) {
        await expect(call(bad)).rejects.toThrow(message);
        await expect(call(bad)).rejects.toBeInstanceOf(TypeError);
      }
    }
    expect(store.ops).toEqual([]);
  });

  it("refuses bad arguments before anything is sent, and names them", async () => {
    const { store, manager } = onStore();
    const bad = <T>(value: unknown): T => value as T;
    const cases: readonly [() => Promise<unknown>, string][] = [
      [() => manager.add(bad(5), { address: "a:1" }), "key must be a string"],
      [() => manager.add("svc/\ud800", { address: "a:1" }), "key has a lone surrogate"],
      [() => manager.add("svc/a", bad(undefined)), "endpoint must be an object"],
      [() => manager.add("svc/a", { address: "http://a:1" }), "endpoint.address must be host:port"],
      [() => manager.add("svc/a", { address: "a:1" }, { leaseId: bad(5) }), "leaseId"],
      [() => manager.add("svc/a", { address: "a:1" }, bad({ lease: 5n })), 'unknown option "lease" of add'],
      [() => manager.delete("svc/a", bad({ leaseId: 5n })), 'unknown option "leaseId" of delete'],
      [() => manager.update(bad("svc/a")), "updates must be an array"],
      [() => manager.update([bad(null)]), "updates[0] must be an object"],
      [
        () => manager.update([bad({ type: "put", key: "svc/a" })]),
        'updates[0].type must be "add" or "delete"',
      ],
      [() => manager.update([bad({ type: "add", key: "svc/a" })]), "updates[0].endpoint must be an object"],
      [
        () => manager.update([{ type: "add", key: "svc/a", endpoint: { address: "a:1" }, leaseId: 0n }]),
        "updates[0].leaseId",
      ],
      [() => manager.list({ serializable: bad("no") }), "serializable must be a boolean"],
    ];
    for (const [call, message] of cases) await expect(call()).rejects.toThrow(message);
    expect(() => manager.watch(bad({ prefix: "a" }))).toThrow('unknown option "prefix" of watch');
    expect(store.ops).toEqual([]);
  });

  it("is refused without a target, and for services that are none or do not fit", () => {
    const store = new FakeStore();
    const create = (services: unknown, target: unknown, options?: object) => () =>
      createEndpointManager(services as FakeStore, target as string, options);
    expect(create(store, "")).toThrow(
      new TypeError("invalid target: target must be a string that is not empty"),
    );
    expect(create(store, undefined)).toThrow("invalid target");
    expect(create(undefined, "svc")).toThrow(new TypeError("services.kv must be a Kv"));
    expect(create({ kv: store }, "svc")).toThrow(new TypeError("services.watcher must be a Watcher"));
    expect(create(store, "svc", { onSkipped: true })).toThrow("onSkipped must be a function");
    const keyPrefix = text("ns/");
    const kv: KvExecutor = { keyPrefix, execute: store.execute.bind(store) };
    const watcher: WatchOpener = { keyPrefix, open: store.open.bind(store) };
    expect(create({ kv, watcher: store }, "svc")).toThrow("must be of one namespace");
    expect(create({ kv, watcher }, "svc")).not.toThrow();
  });
});

describe("the watch of an endpoint manager", () => {
  async function watching(manager: EndpointManager, store: FakeStore): Promise<EndpointWatch> {
    const watch = manager.watch();
    const first = next(watch);
    await vi.waitFor(() => expect(store.live).toHaveLength(1));
    store.put("svc/sentinel", '{"Addr":"s:1"}');
    await first;
    return watch;
  }

  it("begins with what there is, in one batch, and goes on from the revision after", async () => {
    const { store, manager } = onStore();
    store.put("svc/b", '{"Addr":"b:1"}');
    store.put("svc/a", '{"Addr":"a:1","Metadata":1}');
    store.put("svc_other/a", '{"Addr":"x:1"}');
    const watch = manager.watch();
    expect(await next(watch)).toEqual([
      { type: "add", key: "svc/a", endpoint: { address: "a:1", metadata: 1 } },
      { type: "add", key: "svc/b", endpoint: { address: "b:1" } },
    ]);
    const second = next(watch);
    await vi.waitFor(() => expect(store.live).toHaveLength(1));
    expect(store.live[0]?.request).toMatchObject({
      key: text("svc/"),
      rangeEnd: text("svc0"),
      startRevision: 5n,
      onCompacted: "resync",
    });
    store.write([op.put("svc/c", '{"Addr":"c:1"}'), op.delete("svc/a")]);
    expect(await second).toEqual([
      { type: "add", key: "svc/c", endpoint: { address: "c:1" } },
      { type: "delete", key: "svc/a" },
    ]);
    await watch.close();
  });

  it("delivers nothing for a service without endpoints, until there is one", async () => {
    const { store, manager } = onStore();
    const watch = await watching(manager, store);
    await watch.close();
  });

  it("skips what cannot be read, and batches in which nothing is left", async () => {
    const { store, manager, skipped } = onStore();
    const watch = await watching(manager, store);
    const batch = next(watch);
    store.put("svc/a", "no JSON");
    store.put("svc/b", '{"Addr":"b:1"}');
    expect(await batch).toEqual([{ type: "add", key: "svc/b", endpoint: { address: "b:1" } }]);
    expect(skipped).toHaveLength(1);
    await watch.close();
  });

  it("delivers the difference after a compaction", async () => {
    const { store, manager } = onStore();
    store.put("svc/gone", '{"Addr":"g:1"}');
    store.put("svc/kept", '{"Addr":"k:1"}');
    store.put("svc/moved", '{"Addr":"m:1"}');
    const watch = manager.watch();
    await next(watch);
    const batch = next(watch);
    await vi.waitFor(() => expect(store.live).toHaveLength(1));
    const [missed] = store.watches.splice(0, 1); // nothing of what follows reaches it
    store.remove("svc/gone");
    store.put("svc/moved", '{"Addr":"m:2"}');
    store.put("svc/new", '{"Addr":"n:1"}');
    for (const page of store.state(2)) missed?.deliver(page);
    expect(await batch).toEqual([
      { type: "add", key: "svc/moved", endpoint: { address: "m:2" } },
      { type: "add", key: "svc/new", endpoint: { address: "n:1" } },
      { type: "delete", key: "svc/gone" },
    ]);
    await watch.close();
    expect(missed?.closed).toBe(true);
  });

  it("throws what ends the watch below it, after all that came before", async () => {
    const { store, manager } = onStore();
    const watch = await watching(manager, store);
    store.put("svc/a", '{"Addr":"a:1"}');
    const failure = new EtcdError("PERMISSION_DENIED", "no");
    store.live[0]?.end(failure);
    expect(await next(watch)).toHaveLength(1);
    await expect(next(watch)).rejects.toBe(failure);
  });

  it("throws what the first read throws", async () => {
    const { store, manager } = onStore();
    const failure = new EtcdError("DEADLINE", "no");
    store.onExecute = () => Promise.reject(failure);
    await expect(next(manager.watch())).rejects.toBe(failure);
    expect(store.watches).toEqual([]);
  });

  it("throws the signal's reason when it is aborted, and leaves nothing behind", async () => {
    const { store, manager } = onStore();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const watch = manager.watch({ signal: controller.signal });
    const first = next(watch);
    await vi.waitFor(() => expect(store.live).toHaveLength(1));
    controller.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect(store.live).toEqual([]);
    await expect(next(manager.watch({ signal: controller.signal }))).rejects.toBe(reason);
  });

  it("ends quietly when it is closed, also while a batch is waited for, or left by break", async () => {
    const { store, manager } = onStore();
    const watch = manager.watch();
    const pending = watch[Symbol.asyncIterator]().next();
    await vi.waitFor(() => expect(store.live).toHaveLength(1));
    await watch.close();
    expect((await pending).done).toBe(true);
    expect(store.live).toEqual([]);

    store.put("svc/a", '{"Addr":"a:1"}');
    for await (const batch of manager.watch()) {
      expect(batch).toHaveLength(1);
      break;
    }
    expect(store.live).toEqual([]);

    const unread = manager.watch();
    await unread[Symbol.asyncDispose]();
    expect((await unread[Symbol.asyncIterator]().next()).done).toBe(true);
  });
});
