import { ClusterChangedError, EtcdError, HistoryReplacedError } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { FakeEtcd, type FakeStream } from "../test/fake-etcd.js";
import { reader, revisionsOf } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

async function watching(options: { startRevision?: bigint } = {}) {
  const etcd = new FakeEtcd();
  const watch = createWatcher(etcd).watch("a", options);
  const stream = await etcd.stream();
  await stream.accept(0, 5);
  await watch.created;
  return { etcd, watch, stream, batches: reader(watch) };
}

describe("a watch whose link breaks", () => {
  it("goes on after the last event, whatever the headers say", async () => {
    const { etcd, stream, batches } = await watching();
    stream.send({ header: stream.header(90), watchId: 0n, events: [] });
    stream.events(0, [91, 92]);
    expect((await batches.next()).kind).toBe("progress");
    expect(revisionsOf(await batches.next())).toEqual([91, 92]);
    stream.cut();
    const next = await etcd.stream();
    expect((await next.create()).startRevision).toBe(93n);
    next.created(0, 120);
    next.events(0, [100]);
    expect(revisionsOf(await batches.next())).toEqual([100]);
  });

  it("goes on after created when there was no event, though created is answered again", async () => {
    const { etcd, watch, stream, batches } = await watching();
    for (let cut = 0, last: FakeStream = stream; cut < 3; cut++) {
      last.cut();
      last = await etcd.stream();
      // Twice in a row between created and the replay, which is where the position must not move.
      expect((await last.accept(0, 20 + cut)).startRevision).toBe(6n);
      if (cut === 2) last.events(0, [6, 7, 21]);
    }
    expect(revisionsOf(await batches.next())).toEqual([6, 7, 21]);
    expect(await watch.created).toEqual({ revision: 5n });
  });

  it("goes on from its start revision when there was no event", async () => {
    const { etcd, stream } = await watching({ startRevision: 2n });
    stream.cut();
    expect((await (await etcd.stream()).create()).startRevision).toBe(2n);
  });

  it("asks again for 'now' when it had not been created", async () => {
    const etcd = new FakeEtcd();
    const watch = createWatcher(etcd).watch("a");
    const stream = await etcd.stream();
    await stream.create();
    stream.cut();
    expect((await (await etcd.stream()).accept(0, 9)).startRevision).toBe(0n);
    expect(await watch.created).toEqual({ revision: 9n });
  });

  it("goes on after progress, which only moves forward", async () => {
    const { etcd, stream, batches } = await watching();
    stream.progress(0, 30);
    stream.progress(0, 20);
    stream.progress(-1, 29);
    expect(await batches.next()).toMatchObject({ kind: "progress", revision: 30n });
    stream.cut();
    const next = await etcd.stream();
    expect((await next.create()).startRevision).toBe(31n);
  });

  it("does not lose events that an old server sends after progress that includes them", async () => {
    const { etcd, stream, batches } = await watching();
    stream.progress(0, 30);
    stream.events(0, [8]);
    expect((await batches.next()).kind).toBe("progress");
    expect(revisionsOf(await batches.next())).toEqual([8]);
    stream.cut();
    expect((await (await etcd.stream()).create()).startRevision).toBe(9n);
  });

  it("delivers nothing twice when the server repeats itself", async () => {
    const { etcd, stream, batches } = await watching();
    stream.events(0, [6, 7]);
    stream.events(0, [7, 8]);
    stream.events(0, [6]);
    stream.events(0, [9]);
    expect(revisionsOf(await batches.next())).toEqual([6, 7]);
    expect(revisionsOf(await batches.next())).toEqual([8]);
    expect(revisionsOf(await batches.next())).toEqual([9]);
    expect(etcd.opened).toBe(1);
  });

  it("is opened again also when the server ended the stream without an error", async () => {
    const { etcd, stream } = await watching();
    stream.end();
    expect((await (await etcd.stream()).create()).startRevision).toBe(6n);
  });

  it("comes before those behind it in the queue when it was being created", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    watcher.watch("active");
    watcher.watch("creating");
    watcher.watch("waiting");
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    await stream.create();
    stream.cut();
    const next = await etcd.stream();
    const order: string[] = [];
    for (const id of [0, 1, 2]) {
      order.push(new TextDecoder().decode((await next.accept(id, 5)).key));
    }
    expect(order).toEqual(["creating", "waiting", "active"]);
  });

  it("pauses longer from failure to failure, and not before the first attempt", async () => {
    const clock = new ManualClock();
    const etcd = new FakeEtcd();
    createWatcher(etcd, { clock }).watch("a");
    (await etcd.stream()).cut();
    (await etcd.stream()).cut();
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 12; attempt++) {
      await clock.settle();
      const [pause] = clock.timers;
      pauses.push(pause?.dueInMs ?? Number.NaN);
      await clock.advance(pause?.dueInMs ?? 0);
      (await etcd.stream()).cut();
    }
    pauses.forEach((pause, i) => {
      expect(pause).toBeGreaterThanOrEqual(0);
      expect(pause).toBeLessThanOrEqual(Math.min(25 * 2 ** i, 500));
    });
  });

  it("ends at once when it is closed during such a pause", async () => {
    const clock = new ManualClock();
    const etcd = new FakeEtcd();
    const watch = createWatcher(etcd, { clock }).watch("a");
    (await etcd.stream()).cut();
    (await etcd.stream()).cut();
    await clock.settle();
    await watch.close();
    await clock.settle();
    expect(clock.timers).toEqual([]);
    expect(etcd.opened).toBe(2);
  });
});

describe("parts of an answer", () => {
  it("are put together, per watch, and never split a revision", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const a = reader(watcher.watch("a"));
    const b = reader(watcher.watch("b"));
    const stream = await etcd.stream();
    await stream.accept(0, 1);
    await stream.accept(1, 1);
    stream.events(0, [2, 3, 3], { fragment: true });
    stream.events(1, [3, 4], { fragment: true });
    stream.events(0, [3, 3, 4], { fragment: true });
    stream.events(1, [4]);
    stream.events(0, [4, 5]);
    expect(revisionsOf(await a.next())).toEqual([2]);
    expect(revisionsOf(await a.next())).toEqual([3, 3, 3, 3]);
    expect(revisionsOf(await a.next())).toEqual([4, 4, 5]);
    expect(revisionsOf(await b.next())).toEqual([3]);
    expect(revisionsOf(await b.next())).toEqual([4, 4]);
  });

  it("are asked for when an answer was too large, unless the watch refuses them; then it ends", async () => {
    const etcd = new FakeEtcd();
    const watcher = createWatcher(etcd);
    const tooLarge = new EtcdError("MESSAGE_TOO_LARGE", "too large");
    const watch = watcher.watch("a");
    watcher.watch("b", { fragment: false });
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    await stream.accept(1, 5);
    stream.fail(tooLarge);
    const next = await etcd.stream();
    expect(await next.accept(0, 5)).toMatchObject({ startRevision: 6n, fragment: true });
    expect(await next.accept(1, 5)).toMatchObject({ startRevision: 6n, fragment: false });
    next.fail(tooLarge);
    await expect(reader(watch).next()).rejects.toBe(tooLarge);
    expect(etcd.opened).toBe(2);
  });

  it("are asked for when events turned out to be large, as long as they are", async () => {
    const { etcd, stream } = await watching();
    let current = stream;
    for (const [bytes, fragment] of [
      [5_000, true],
      [100, false],
    ] as const) {
      const revision = BigInt(6 + bytes);
      const kv = { key: new Uint8Array(1), value: new Uint8Array(bytes), modRevision: 20_000n - revision };
      current.send({ header: current.header(90_000), watchId: 0n, events: [{ kv }] });
      current.cut();
      current = await etcd.stream();
      expect((await current.accept(0, 90_000)).fragment).toBe(fragment);
    }
  });

  it("are thrown away where a revision is half there when the link breaks, and fetched again", async () => {
    const { etcd, stream, batches } = await watching();
    stream.events(0, [6, 7, 7], { fragment: true });
    stream.cut();
    expect(revisionsOf(await batches.next())).toEqual([6]);
    const next = await etcd.stream();
    expect((await next.accept(0, 9)).startRevision).toBe(7n);
    next.events(0, [7, 7, 7]);
    expect(revisionsOf(await batches.next())).toEqual([7, 7, 7]);
  });
});

describe("the store behind a link that came back", () => {
  async function cutAt(revision: number) {
    const scene = await watching();
    scene.stream.events(0, [revision]);
    await scene.batches.next();
    scene.stream.cut();
    return { ...scene, next: await scene.etcd.stream() };
  }

  it("is another cluster when its id differs: CLUSTER_CHANGED", async () => {
    const { next, batches } = await cutAt(20);
    next.clusterId = 7n;
    await next.accept(0, 30);
    const error = await batches.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ClusterChangedError);
    expect(error).toMatchObject({ code: "CLUSTER_CHANGED", oldClusterId: 1n, newClusterId: 7n });
    await batches.end();
  });

  it("was restored when a linearizable read is behind what was seen: HISTORY_REPLACED", async () => {
    const { etcd, next, batches } = await cutAt(20);
    etcd.range = () => ({ header: { clusterId: 1n, revision: 10n } });
    await next.accept(0, 10);
    next.events(0, [20, 21]);
    const error = await batches.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HistoryReplacedError);
    expect(error).toMatchObject({ code: "HISTORY_REPLACED", seen: 20n, now: 10n });
    expect(etcd.ranges).toMatchObject([{ serializable: false, limit: 1n, rangeEnd: new Uint8Array() }]);
  });

  it("is the same when only this member lags behind", async () => {
    const { etcd, next, batches } = await cutAt(20);
    etcd.range = () => ({ header: { clusterId: 1n, revision: 22n } });
    await next.accept(0, 10);
    next.events(0, [21, 22]);
    expect(revisionsOf(await batches.next())).toEqual([21, 22]);
  });

  it("is not asked when the member knows all that was seen", async () => {
    const { etcd, next, batches } = await cutAt(20);
    await next.accept(0, 20);
    next.events(0, [21]);
    expect(revisionsOf(await batches.next())).toEqual([21]);
    expect(etcd.ranges).toEqual([]);
  });

  it("is asked again, over another stream, when it does not say", async () => {
    const { etcd, next, batches } = await cutAt(20);
    etcd.range = () => {
      throw new EtcdError("UNAVAILABLE", "not now");
    };
    await next.accept(0, 10);
    const again = await etcd.stream();
    etcd.range = () => ({ header: { clusterId: 1n, revision: 22n } });
    expect((await again.accept(0, 10)).startRevision).toBe(21n);
    again.events(0, [21]);
    expect(revisionsOf(await batches.next())).toEqual([21]);
  });

  // etcd's gRPC proxy makes up the answer to who joins a watch: no ids, and the start that was asked for as the revision.
  it("is not judged by headers that no member has sent", async () => {
    const { etcd, next, batches } = await cutAt(20);
    next.clusterId = 0n;
    await next.accept(0, 21);
    next.cut();
    etcd.range = () => ({ header: { clusterId: 1n, revision: 20n } });
    const third = await etcd.stream();
    expect((await third.accept(0, 20)).startRevision).toBe(21n);
    third.events(0, [21]);
    expect(revisionsOf(await batches.next())).toEqual([21]);
  });

  it("is trusted when this user may not read what would tell", async () => {
    const { etcd, next, batches } = await cutAt(20);
    etcd.range = () => {
      throw new EtcdError("PERMISSION_DENIED", "no");
    };
    await next.accept(0, 10);
    next.events(0, [21]);
    expect(revisionsOf(await batches.next())).toEqual([21]);
  });
});
