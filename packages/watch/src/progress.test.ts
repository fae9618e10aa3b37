import { describe, expect, it } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { FakeEtcd } from "../test/fake-etcd.js";
import { reader } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

async function twoWatches() {
  const etcd = new FakeEtcd();
  const clock = new ManualClock();
  const watcher = createWatcher(etcd, { clock });
  const first = watcher.watch("a");
  const second = watcher.watch("b");
  const stream = await etcd.stream();
  await stream.accept(0, 5);
  await stream.accept(1, 5);
  await second.created;
  return { etcd, clock, watcher, first, second, stream };
}

describe("a request for progress", () => {
  it("is answered to all watches of the stream", async () => {
    const { first, second, stream } = await twoWatches();
    const asked = first.requestProgress();
    expect((await stream.request()).case).toBe("progressRequest");
    stream.progress(-1, 9);
    expect(await asked).toBe(9n);
    for (const watch of [first, second]) {
      expect(await reader(watch).next()).toMatchObject({ kind: "progress", revision: 9n });
    }
  });

  describe("that was made before a watch was asked for", () => {
    async function earlyRequest() {
      const { watcher, stream, first, etcd } = await twoWatches();
      const asked = first.requestProgress();
      await stream.request();
      const late = watcher.watch("c", { startRevision: 3n });
      await stream.accept(2, 9);
      await late.created;
      return { asked, etcd, late, stream };
    }

    // The server sends that a watch is created past the line in which events and answers wait.
    it("is answered for the others only: the watch has its history still to come", async () => {
      const { asked, etcd, late, stream } = await earlyRequest();
      stream.progress(-1, 9);
      expect(await asked).toBe(9n);
      stream.cut();
      const next = await etcd.stream();
      const starts = [await next.accept(0, 9), await next.accept(1, 9), await next.accept(2, 9)];
      expect(starts.map(({ startRevision }) => startRevision)).toEqual([10n, 10n, 3n]);
      next.events(2, [4]);
      expect(await reader(late).next()).toMatchObject({ kind: "events", revision: 4n });
    });

    it("is answered for the watch as well when the answer is newer than that", async () => {
      const { late, stream } = await earlyRequest();
      stream.progress(-1, 10);
      expect(await reader(late).next()).toMatchObject({ kind: "progress", revision: 10n });
    });

    it("is answered for the watch as well once the watch has got events", async () => {
      const { late, stream } = await earlyRequest();
      const batches = reader(late);
      stream.events(2, [4]);
      stream.progress(-1, 9);
      expect(await batches.next()).toMatchObject({ kind: "events", revision: 4n });
      expect(await batches.next()).toMatchObject({ kind: "progress", revision: 9n });
    });

    it("does not hold up the answer to the next one", async () => {
      const { late, stream } = await earlyRequest();
      const asked = late.requestProgress();
      stream.progress(-1, 9);
      stream.progress(-1, 9);
      expect(await asked).toBe(9n);
    });
  });

  it("is repeated until there is an answer, less and less often", async () => {
    const { clock, first, stream } = await twoWatches();
    const asked = first.requestProgress();
    const times: number[] = [];
    const start = clock.now();
    while (clock.now() - start < 6_000) {
      while (stream.unread > 0) {
        await stream.request();
        times.push(clock.now() - start);
      }
      await clock.advance(50);
    }
    // Looked at every 50 ms, so the first is seen at 50.
    expect(times).toEqual([50, 100, 300, 700, 1_500, 2_500, 3_500, 4_500, 5_500]);
    stream.progress(0, 9);
    expect(await asked).toBe(9n);
    await clock.settle();
    expect(clock.timers).toEqual([]);
  });

  it("rejects with DEADLINE when there is none in time", async () => {
    const { clock, first } = await twoWatches();
    const byDefault = first.requestProgress();
    const soon = first.requestProgress({ timeoutMs: 500 });
    const rejections = Promise.all(
      [byDefault, soon].map((asked) => expect(asked).rejects.toMatchObject({ code: "DEADLINE" })),
    );
    await clock.advance(500);
    await expect(soon).rejects.toThrow("500 ms");
    await clock.advance(9_500);
    await rejections;
    expect(clock.timers).toEqual([]);
  });

  it("rejects with the reason of its signal, or of the end of the watch", async () => {
    const { first, second } = await twoWatches();
    const controller = new AbortController();
    const aborted = first.requestProgress({ signal: controller.signal });
    const closed = second.requestProgress();
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await second.close();
    await expect(closed).rejects.toMatchObject({ code: "CLOSED" });
    await expect(second.requestProgress()).rejects.toMatchObject({ code: "CLOSED" });
    await expect(first.requestProgress({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(first.requestProgress({ timeoutMs: 0 })).rejects.toThrow(RangeError);
  });
});

describe("progress that nobody reads", () => {
  it("is kept once, and after the events that came before it", async () => {
    const { first, stream, second } = await twoWatches();
    stream.progress(0, 7);
    stream.progress(0, 8);
    stream.events(0, [9]);
    stream.progress(0, 10);
    stream.progress(0, 11);
    stream.progress(1, 11);
    await reader(second).next();
    const batches = reader(first);
    const kinds: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const { kind, revision } = await batches.next();
      kinds.push([kind, revision]);
    }
    expect(kinds).toEqual([
      ["progress", 8n],
      ["events", 9n],
      ["progress", 11n],
    ]);
  });
});
