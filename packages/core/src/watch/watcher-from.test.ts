import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ResponseHeaderSchema } from "../gen/etcdserverpb/rpc_pb.js";
import { Event_EventType, EventSchema } from "../gen/mvccpb/kv_pb.js";
import { isCreate, isDelete, isModify } from "./event.js";
import { mapWatch } from "./map-watch.js";
import type { Watch, WatchBatch, WatchCall, WatchRequest } from "./watch.js";
import type { WatchOptions } from "./watch-options.js";
import { watcherFrom } from "./watcher-from.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A watch of given batches that remembers what is asked of it. */
function watchOf(batches: readonly WatchBatch[] = []): { readonly watch: Watch; readonly asked: string[] } {
  const asked: string[] = [];
  const note = async <T>(what: string, value: T): Promise<T> => {
    asked.push(what);
    return value;
  };
  return {
    asked,
    watch: {
      created: Promise.resolve({ revision: 7n }),
      requestProgress: () => note("progress", 9n),
      close: () => note("close", undefined),
      [Symbol.asyncDispose]: () => note("dispose", undefined),
      async *[Symbol.asyncIterator]() {
        try {
          yield* batches;
        } finally {
          asked.push("left");
        }
      },
    },
  };
}

function opened(keys: Parameters<ReturnType<typeof watcherFrom>["watch"]>[0], options?: WatchOptions) {
  const requests: [WatchRequest, WatchCall | undefined][] = [];
  const watcher = watcherFrom({
    open: (request, call) => {
      requests.push([request, call]);
      return watchOf().watch;
    },
  });
  watcher.watch(keys, options);
  return requests[0];
}

describe("watcherFrom", () => {
  it("makes one request of keys and options, with nothing that was not asked for", () => {
    expect(opened("a")).toEqual([{ key: text("a") }, undefined]);
    expect(opened({ prefix: "a" })).toEqual([{ key: text("a"), rangeEnd: text("b") }, undefined]);
    const nothing = {
      initial: false,
      prevKv: false,
      progressNotify: false,
      events: "all",
      onCompacted: "throw",
    } as const;
    expect(opened("a", nothing)).toEqual([{ key: text("a") }, undefined]);
    const request = {
      startRevision: 5n,
      prevKv: true,
      progressNotify: true,
      events: "puts",
      fragment: false,
      maxBufferBytes: 10,
      onCompacted: "resync",
    } as const;
    const { signal } = new AbortController();
    const call = { signal, requireLeader: false, headers: { a: "b" } };
    expect(opened("a", { ...request, ...call })).toEqual([{ key: text("a"), ...request }, call]);
    expect(opened("a", { initial: true })?.[0]).toEqual({ key: text("a"), initial: true });
  });

  it.each<[WatchOptions, RegExp]>([
    [{ startRevision: 1n, initial: true }, /startRevision/],
    [{ startRevision: 0n }, /startRevision/],
    [{ maxBufferBytes: 0.5 }, /maxBufferBytes/],
    [{ events: "none" as never }, /events/],
    [{ onCompacted: "ignore" as never }, /onCompacted/],
    [{ signal: "now" as never }, /signal/],
    [{ timeoutMs: 1 } as never, /unknown option "timeoutMs"/],
  ])("refuses %o before anything is opened", (options, message) => {
    expect(() => opened("a", options)).toThrow(message);
  });

  it("checks the call of a request that is opened by hand", () => {
    const watcher = watcherFrom({ open: () => watchOf().watch });
    expect(() => watcher.open({ key: text("a") }, { timeoutMs: 1 } as never)).toThrow(TypeError);
  });

  it("closes what it is told to close, and nothing without that", async () => {
    let closed = 0;
    const watcher = watcherFrom({ open: () => watchOf().watch }, async () => void closed++);
    await watcher.close();
    await watcher[Symbol.asyncDispose]();
    expect(closed).toBe(2);
    await watcherFrom({ open: () => watchOf().watch }).close();
  });
});

/** A watch on which nothing ever happens but its end. */
function pendingWatch(): { readonly watch: Watch; readonly asked: string[] } {
  const { watch, asked } = watchOf();
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const close = async (): Promise<void> => {
    asked.push("close");
    end();
  };
  return {
    asked,
    watch: {
      ...watch,
      close,
      async *[Symbol.asyncIterator]() {
        await ended;
        yield* [];
      },
    },
  };
}

describe("mapWatch", () => {
  const header = create(ResponseHeaderSchema);
  const progress = (revision: bigint): WatchBatch => ({ kind: "progress", header, revision });

  it("changes each batch and nothing else", async () => {
    const { watch, asked } = watchOf([progress(1n), progress(2n)]);
    const mapped = mapWatch(watch, (batch) => ({ ...batch, revision: batch.revision * 10n }));
    expect(await mapped.created).toEqual({ revision: 7n });
    expect(await mapped.requestProgress()).toBe(9n);
    const revisions = await Array.fromAsync(mapped, ({ revision }) => revision);
    expect(revisions).toEqual([10n, 20n]);
    await mapped.close();
    await mapped[Symbol.asyncDispose]();
    expect(asked).toEqual(["progress", "left", "close", "close", "close"]);
  });

  it("ends the watch underneath when its reader leaves, or the change throws", async () => {
    const left = watchOf([progress(1n), progress(2n)]);
    for await (const _ of mapWatch(left.watch, (batch) => batch)) break;
    expect(left.asked).toEqual(["close", "left"]);

    const failed = watchOf([progress(1n)]);
    const mapped = mapWatch(failed.watch, () => {
      throw new Error("cannot be mapped");
    });
    await expect(mapped[Symbol.asyncIterator]().next()).rejects.toThrow("cannot be mapped");
    expect(failed.asked).toEqual(["close", "left"]);
  });

  it("ends at once for a reader that leaves while it waits, or before it has begun", async () => {
    const waiting = pendingWatch();
    const reader = mapWatch(waiting.watch, (batch) => batch)[Symbol.asyncIterator]();
    const next = reader.next();
    await reader.return?.();
    expect(await next).toEqual({ done: true, value: undefined });

    const untouched = pendingWatch();
    await mapWatch(untouched.watch, (batch) => batch)
      [Symbol.asyncIterator]()
      .return?.();
    expect(untouched.asked).toEqual(["close"]);
  });
});

// client/v3/watch_test.go:TestEvent
describe("an event", () => {
  it.each([
    ["creates", Event_EventType.PUT, 5n, 5n, [true, false, false]],
    ["modifies", Event_EventType.PUT, 4n, 5n, [false, true, false]],
    ["deletes", Event_EventType.DELETE, 0n, 5n, [false, false, true]],
  ] as const)("%s a key", (_, type, createRevision, modRevision, expected) => {
    const event = create(EventSchema, { type, kv: { createRevision, modRevision } });
    expect([isCreate(event), isModify(event), isDelete(event)]).toEqual(expected);
  });
});
