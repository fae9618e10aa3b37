import { CompactedError, EtcdError } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { reader, revisionsOf } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

async function twoWatches() {
  const etcd = new FakeEtcd();
  const controller = new AbortController();
  const watcher = createWatcher(etcd);
  const first = watcher.watch("a", { signal: controller.signal });
  const second = watcher.watch("b");
  const stream = await etcd.stream();
  await stream.accept(0, 5);
  await stream.accept(1, 5);
  await second.created;
  return { etcd, watcher, controller, first, second, stream };
}

describe("a watch ends", () => {
  it("quietly on close, on the server too, and leaves the others alone", async () => {
    const { first, second, stream } = await twoWatches();
    stream.events(0, [6]);
    const batches = reader(first);
    await batches.next();
    stream.events(0, [7]);
    await first.close();
    await first.close();
    await batches.end();
    await batches.end();
    expect(await stream.cancel()).toBe(0n);
    stream.send({ header: stream.header(9), watchId: 0n, canceled: true });
    stream.events(1, [9]);
    expect(revisionsOf(await reader(second).next())).toEqual([9]);
  });

  it("quietly while its reader waits", async () => {
    const { first } = await twoWatches();
    const ends = [reader(first).end(), reader(first).end()];
    await first[Symbol.asyncDispose]();
    await Promise.all(ends);
  });

  it("on leaving the loop", async () => {
    const { first, stream } = await twoWatches();
    stream.events(0, [6]);
    for await (const batch of first) {
      expect(batch.revision).toBe(6n);
      break;
    }
    expect(await stream.cancel()).toBe(0n);
  });

  it("with the reason of its signal, at once, whatever it still has", async () => {
    const { controller, first, stream } = await twoWatches();
    stream.events(0, [6]);
    const batches = reader(first);
    await batches.next();
    stream.events(0, [7]);
    const reason = new Error("changed my mind");
    controller.abort(reason);
    await expect(batches.next()).rejects.toBe(reason);
    await batches.end();
    expect(await stream.cancel()).toBe(0n);
    await expect(first.requestProgress()).rejects.toBe(reason);
  });

  it("with the reason of a signal that had aborted before, and asks nothing of the server", async () => {
    const etcd = new FakeEtcd();
    const reason = new Error("too late");
    const watch = createWatcher(etcd).watch("a", { signal: AbortSignal.abort(reason) });
    await expect(reader(watch).next()).rejects.toBe(reason);
    await expect(watch.created).rejects.toBe(reason);
    expect(etcd.opened).toBe(0);
  });

  it("with COMPACTED, after all that was delivered before, and names both revisions", async () => {
    const { first, stream } = await twoWatches();
    stream.events(0, [6, 7]);
    stream.send({ header: stream.header(90), watchId: 0n, canceled: true, compactRevision: 50n });
    const batches = reader(first);
    expect(revisionsOf(await batches.next())).toEqual([6, 7]);
    const error = await batches.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CompactedError);
    expect(error).toMatchObject({ code: "COMPACTED", compactRevision: 50n, lastSeen: 7n });
    await batches.end();
  });

  it("with COMPACTED, without a revision up to which it was, when it had not begun", async () => {
    const etcd = new FakeEtcd();
    const watch = createWatcher(etcd).watch("a", { startRevision: 3n });
    const stream = await etcd.stream();
    await stream.accept(0, 90);
    stream.send({ header: stream.header(90), watchId: 0n, canceled: true, compactRevision: 50n });
    const error = await reader(watch)
      .next()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "COMPACTED", compactRevision: 50n });
    expect(error).not.toHaveProperty("lastSeen");
  });

  it("alone, when the server refuses it, also with an id that another one has", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const first = watcher.watch("a");
    const second = watcher.watch({ from: "b", to: "c" });
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    await stream.create();
    stream.refuse("mvcc: watcher range is empty", { id: 0 });
    await expect(second.created).rejects.toMatchObject({ code: "WATCHER_RANGE_EMPTY" });
    await expect(reader(second).next()).rejects.toMatchObject({ code: "WATCHER_RANGE_EMPTY" });
    stream.events(0, [6]);
    expect(revisionsOf(await reader(first).next())).toEqual([6]);
  });

  it.each([
    ["", "FUTURE_REV"],
    ["etcdserver: mvcc: required revision has been compacted", "COMPACTED"],
    ["something new", "WATCH_CANCELED"],
  ])("with the code of the server's reason %j", async (reason, code) => {
    const etcd = new FakeEtcd();
    const watch = createWatcher(etcd).watch("a");
    const stream = await etcd.stream();
    await stream.create();
    stream.refuse(reason);
    await expect(reader(watch).next()).rejects.toMatchObject({ code });
  });

  it("with WATCH_CANCELED when the server ends it without a reason", async () => {
    const { first, stream } = await twoWatches();
    stream.send({ header: stream.header(6), watchId: 0n, canceled: true });
    await expect(reader(first).next()).rejects.toMatchObject({ code: "WATCH_CANCELED" });
  });

  it.each(["AUTH_FAILED", "CLOSED", "UNIMPLEMENTED"] as const)(
    "with all others on its stream when that fails with %s",
    async (code) => {
      const { first, second, stream, etcd } = await twoWatches();
      const error = new EtcdError(code, "no more");
      stream.fail(error);
      await expect(reader(first).next()).rejects.toBe(error);
      await expect(reader(second).next()).rejects.toBe(error);
      expect(etcd.opened).toBe(1);
    },
  );

  it("quietly with its watcher; later watches end with CLOSED", async () => {
    const { watcher, first, second, stream } = await twoWatches();
    const end = reader(first).end();
    await watcher.close();
    await watcher[Symbol.asyncDispose]();
    await end;
    await reader(second).end();
    expect(stream.left).toBe(true);
    const late = watcher.watch("c");
    await expect(late.created).rejects.toMatchObject({ code: "CLOSED" });
    await expect(reader(late).next()).rejects.toMatchObject({ code: "CLOSED" });
    await late.close();
  });

  it("with the reason of the connection when that closes, as do later ones", async () => {
    const etcd = new FakeEtcd();
    const closing = new AbortController();
    const watcher = createWatcher({ transport: etcd.transport, signal: closing.signal });
    const watch = watcher.watch("a");
    await (await etcd.stream()).accept(0, 5);
    await watch.created;
    const reason = new EtcdError("CLOSED", "the connection is closed");
    closing.abort(reason);
    await expect(reader(watch).next()).rejects.toBe(reason);
    await expect(reader(watcher.watch("b")).next()).rejects.toBe(reason);
    const after = createWatcher({ transport: etcd.transport, signal: closing.signal });
    await expect(after.watch("c").created).rejects.toBe(reason);
    expect(etcd.opened).toBe(1);
  });
});

describe("created", () => {
  it("rejects with CLOSED when the watch is closed before, and is no unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const etcd = new FakeEtcd();
      const watch = createWatcher(etcd).watch("a");
      void watch.created;
      await watch.close();
      await new Promise((resolve) => setImmediate(resolve));
      void watch.created;
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).toEqual([]);
      await expect(watch.created).rejects.toMatchObject({ code: "CLOSED" });
    } finally {
      process.off("unhandledRejection", note);
    }
  });

  it("stays resolved when the watch ends later", async () => {
    const { first } = await twoWatches();
    await first.close();
    expect(await first.created).toEqual({ revision: 5n });
  });
});

describe("answers for a watch that is not there", () => {
  it("are answered with a cancel, once", async () => {
    const { second, stream } = await twoWatches();
    stream.events(7, [6]);
    stream.events(7, [7]);
    expect(await stream.cancel()).toBe(7n);
    stream.events(1, [8]);
    await reader(second).next();
    expect(stream.unread).toBe(0);
  });
});

describe("arguments", () => {
  it.each<[string, () => unknown]>([
    ["no key", () => createWatcher(new FakeEtcd()).watch(1 as never)],
    ["a revision of 0", () => createWatcher(new FakeEtcd()).watch("a", { startRevision: 0n })],
    ["a negative revision", () => createWatcher(new FakeEtcd()).watch("a", { startRevision: -1n })],
    [
      "a start and a state",
      () => createWatcher(new FakeEtcd()).watch("a", { startRevision: 1n, initial: true }),
    ],
    ["no kind of event", () => createWatcher(new FakeEtcd()).watch("a", { events: "some" as never })],
    ["no room", () => createWatcher(new FakeEtcd()).watch("a", { maxBufferBytes: 0 })],
    ["a misspelt option", () => createWatcher(new FakeEtcd()).watch("a", { prevKV: true } as never)],
    ["an empty range", () => createWatcher(new FakeEtcd()).watch({ from: "b", to: "a" })],
    ["who is asking", () => createWatcher(new FakeEtcd()).watch("a", { headers: { token: "t" } })],
    ["a time limit", () => createWatcher(new FakeEtcd()).watch("a", { timeoutMs: 1 } as never)],
  ])("that say %s are refused at once", (_, watch) => {
    expect(watch).toThrow(/^(key|startRevision|events|maxBufferBytes|headers|unknown option)/);
  });
});
