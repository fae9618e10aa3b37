import { diagnostics, type WatchState } from "@etcdkit/core";
import { describe, expect, it, vi } from "vitest";
import { FakeEtcd } from "../test/fake-etcd.js";
import { reader } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

describe("the channel etcdkit:watch", () => {
  it("tells what a watcher has open and what is parked, until all has ended", async () => {
    const told: WatchState[] = [];
    const unsubscribe = diagnostics.watches.subscribe((state) => told.push(state));
    const last = (): readonly unknown[] => {
      const { watches, streams, parked } = told.at(-1) ?? {};
      return [watches, streams, parked];
    };
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const slow = watcher.watch("slow", { maxBufferBytes: 3_000 });
    expect(last()).toEqual([1, 1, 0]);
    const fast = watcher.watch("fast");
    const apart = watcher.watch("apart", { requireLeader: false });
    expect(last()).toEqual([3, 2, 0]);

    const stream = await etcd.stream();
    await stream.accept(0, 1);
    for (let revision = 2; revision < 12; revision++) stream.events(0, [revision]);
    const batches = reader(slow);
    await vi.waitUntil(() => last()[2] === 1, { interval: 1 });
    expect(last()).toEqual([3, 2, 1]);
    for (let revision = 2; revision < 12 && last()[2] === 1; revision++) {
      await batches.next();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(last()).toEqual([3, 2, 0]);

    await apart.close();
    expect(last()).toEqual([2, 1, 0]);
    await fast.close();
    await watcher.close();
    expect(last()).toEqual([0, 0, 0]);
    expect(new Set(told.map((state) => state.watcher)).size).toBe(1);
    unsubscribe();
  });

  it("forgets a parked watch that ends", async () => {
    const told: WatchState[] = [];
    const unsubscribe = diagnostics.watches.subscribe((state) => told.push(state));
    const etcd = new FakeEtcd();
    await using watcher = createWatcher(etcd);
    const slow = watcher.watch("slow", { maxBufferBytes: 3_000 });
    watcher.watch("other");
    const stream = await etcd.stream();
    await stream.accept(0, 1);
    for (let revision = 2; revision < 12; revision++) stream.events(0, [revision]);
    await vi.waitUntil(() => told.at(-1)?.parked === 1, { interval: 1 });
    await slow.close();
    expect(told.at(-1)).toMatchObject({ watches: 1, parked: 0 });
    unsubscribe();
  });

  it("gets no message while nobody listens", async () => {
    const publish = vi.spyOn(diagnostics.watches, "publish");
    const watcher = createWatcher(new FakeEtcd());
    await watcher.watch("any").close();
    expect(publish).not.toHaveBeenCalled();
    publish.mockRestore();
  });
});
