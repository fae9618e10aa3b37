import { getEventListeners } from "node:events";
import {
  EtcdError,
  type Event,
  Event_EventType,
  type KeyValue,
  utf8,
  type Watch,
  type WatchBatch,
  type WatchCall,
  type WatchOpener,
  type WatchRequest,
} from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { namespaceWatcher } from "./namespace-watcher.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const header = { $typeName: "etcdserverpb.ResponseHeader", revision: 9n } as unknown as WatchBatch["header"];

function pair(key: string): KeyValue {
  const numbers = { createRevision: 1n, modRevision: 2n, version: 2n, lease: 0n };
  return { $typeName: "mvccpb.KeyValue", key: bytes(key), value: bytes("v"), ...numbers };
}

/** An opener whose watches deliver given batches, then wait until they are closed or aborted. */
class FakeWatcher implements WatchOpener {
  readonly requests: [WatchRequest, WatchCall | undefined][] = [];
  readonly closed: number[] = [];
  readonly batches: WatchBatch[] = [];
  readonly keyPrefix = bytes("outer/");

  open(request: WatchRequest, call?: WatchCall): Watch {
    const index = this.requests.push([request, call]) - 1;
    const { batches, closed } = this;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const close = async (): Promise<void> => {
      if (!closed.includes(index)) closed.push(index);
      end();
    };
    const aborted = call?.signal?.aborted;
    const created = aborted ? Promise.reject(call?.signal?.reason) : Promise.resolve({ revision: 7n });
    created.catch(() => undefined);
    return {
      created,
      requestProgress: async () => 8n,
      close,
      [Symbol.asyncDispose]: close,
      async *[Symbol.asyncIterator]() {
        try {
          call?.signal?.throwIfAborted();
          yield* batches;
          await ended;
        } finally {
          await close();
        }
      },
    };
  }
}

describe("namespaceWatcher", () => {
  it("refuses what is no watcher", () => {
    for (const watcher of [undefined, null, { watcher: new FakeWatcher() }, { execute: () => undefined }]) {
      expect(() => namespaceWatcher(watcher as never, "a/")).toThrow(
        new TypeError("watcher must be a Watcher"),
      );
    }
  });

  it("watches behind the prefix, with all else that was asked for", () => {
    const inner = new FakeWatcher();
    const watcher = namespaceWatcher(inner, "a/");
    const { signal } = new AbortController();
    watcher.watch("k", { startRevision: 5n, prevKv: true, events: "puts", onCompacted: "resync", signal });
    watcher.watch({ prefix: "" });
    watcher.watch({ from: "k" });
    watcher.watch({ from: "k", to: "l" });
    // A server reads the empty key of a watch as the least key.
    watcher.watch("");
    const plan = { startRevision: 5n, prevKv: true, events: "puts", onCompacted: "resync" };
    expect(inner.requests.map(([request]) => request)).toEqual([
      { key: bytes("a/k"), ...plan },
      { key: bytes("a/\0"), rangeEnd: bytes("a0") },
      { key: bytes("a/k"), rangeEnd: bytes("a0") },
      { key: bytes("a/k"), rangeEnd: bytes("a/l") },
      { key: bytes("a/\0") },
    ]);
    expect(inner.requests[0]?.[1]?.signal).toBe(signal);
    expect(watcher.keyPrefix && utf8(watcher.keyPrefix)).toBe("outer/a/");
  });

  it("strips the keys of events, of what was before them and of states, in copies", async () => {
    const inner = new FakeWatcher();
    const put: Event = {
      $typeName: "mvccpb.Event",
      type: Event_EventType.PUT,
      kv: pair("a/k"),
      prevKv: pair("a/k"),
    };
    const bare: Event = { $typeName: "mvccpb.Event", type: Event_EventType.DELETE };
    inner.batches.push(
      { kind: "state", header, revision: 1n, kvs: [pair("a/s")], last: true },
      { kind: "events", header, revision: 2n, events: [put, bare] },
      { kind: "progress", header, revision: 3n },
    );
    for (let i = 0; i < 2; i++) {
      const seen: unknown[] = [];
      const watch = namespaceWatcher(inner, "a/").watch({ prefix: "" });
      for await (const batch of watch) {
        if (batch.kind === "state")
          seen.push(
            batch.kvs.map(({ key }) => utf8(key)),
            batch.last,
          );
        if (batch.kind === "events") {
          seen.push(batch.events.map(({ kv, prevKv }) => [kv && utf8(kv.key), prevKv && utf8(prevKv.key)]));
        }
        if (batch.kind === "progress") break;
      }
      expect(seen).toEqual([
        ["s"],
        true,
        [
          ["k", "k"],
          [undefined, undefined],
        ],
      ]);
    }
    expect(inner.closed).toEqual([0, 1]);
  });

  it("ends a watch about a key from outside with an error", async () => {
    const inner = new FakeWatcher();
    const event: Event = { $typeName: "mvccpb.Event", type: Event_EventType.PUT, kv: pair("b/k") };
    inner.batches.push({ kind: "events", header, revision: 2n, events: [event] });
    const watch = namespaceWatcher(inner, "a/").watch("k");
    const read = watch[Symbol.asyncIterator]();
    await expect(read.next()).rejects.toMatchObject({ code: "PROTOCOL" });
    expect(inner.closed).toEqual([0]);
  });

  it("passes on when a watch stands, and requests for progress", async () => {
    const watch = namespaceWatcher(new FakeWatcher(), "a/").watch("k");
    await expect(watch.created).resolves.toEqual({ revision: 7n });
    await expect(watch.requestProgress()).resolves.toBe(8n);
  });

  it("closes what it opened, quietly, and nothing else", async () => {
    const inner = new FakeWatcher();
    const one = namespaceWatcher(inner, "a/");
    const other = namespaceWatcher(inner, "b/");
    const read = one.watch("k")[Symbol.asyncIterator]();
    const pending = read.next();
    other.watch("k");
    await one.close();
    await one.close();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(inner.closed).toEqual([0]);
    await other[Symbol.asyncDispose]();
    expect(inner.closed).toEqual([0, 1]);
  });

  it("ends at once for a reader that leaves while it waits, or before it has begun", async () => {
    const inner = new FakeWatcher();
    const watcher = namespaceWatcher(inner, "a/");
    const reader = watcher.watch("k")[Symbol.asyncIterator]();
    const next = reader.next();
    await reader.return?.();
    expect(await next).toEqual({ done: true, value: undefined });
    await watcher.watch("k")[Symbol.asyncIterator]().return?.();
    expect(inner.closed).toEqual([0, 1]);
  });

  it("opens nothing once it is closed", async () => {
    const inner = new FakeWatcher();
    const watcher = namespaceWatcher(inner, "a/");
    await watcher.close();
    const watch = watcher.watch("k");
    await expect(watch.created).rejects.toMatchObject({ code: "CLOSED" });
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toSatisfy(
      (error) => error instanceof EtcdError && error.code === "CLOSED",
    );
    // Whatever opens watches opens none for a signal that has aborted.
    expect(inner.requests[0]?.[1]?.signal?.aborted).toBe(true);
  });

  it("keeps no watch that has ended, and leaves nothing on signals", async () => {
    const inner = new FakeWatcher();
    const watcher = namespaceWatcher(inner, "a/");
    const controller = new AbortController();
    const { signal } = controller;
    const ends: ((watch: Watch) => Promise<unknown>)[] = [
      (watch) => watch.close(),
      async (watch) => watch[Symbol.asyncDispose](),
      async (watch) => {
        inner.batches.push({ kind: "progress", header, revision: 3n });
        for await (const _ of watch) break;
      },
    ];
    for (const end of ends) {
      await end(watcher.watch("k", { signal }));
      expect(getEventListeners(signal, "abort")).toEqual([]);
    }
    watcher.watch("k", { signal });
    controller.abort();
    const before = inner.closed.length;
    await watcher.close();
    expect(inner.closed).toHaveLength(before);
  });
});
