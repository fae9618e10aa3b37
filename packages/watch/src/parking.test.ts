import type { Watch } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { FakeEtcd, type FakeStream } from "../test/fake-etcd.js";
import { reader, revisionsOf } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

/** Two watches on a stream, of which the first has room for little more than ten events. */
async function slowAndFast(): Promise<{
  readonly etcd: FakeEtcd;
  readonly slow: Watch;
  readonly fast: Watch;
  readonly stream: FakeStream;
}> {
  const etcd = new FakeEtcd();
  const watcher = createWatcher(etcd);
  const slow = watcher.watch("slow", { maxBufferBytes: 3_000 });
  const fast = watcher.watch("fast");
  const stream = await etcd.stream();
  await stream.accept(0, 1);
  await stream.accept(1, 1);
  await fast.created;
  return { etcd, slow, fast, stream };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("a watch whose reader is slow", () => {
  it("pauses on the server when its buffer is full, and is resumed when half of it is free", async () => {
    const { slow, stream } = await slowAndFast();
    for (let revision = 2; revision < 12; revision++) stream.events(0, [revision]);
    expect(await stream.cancel()).toBe(0n);
    // What was on its way is fetched again later.
    stream.events(0, [12]);
    stream.send({ header: stream.header(12), watchId: 0n, canceled: true });
    const batches = reader(slow);
    const seen: number[] = [];
    await until(() => stream.unread === 0);
    while (stream.unread === 0) {
      seen.push(...revisionsOf(await batches.next()));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { startRevision } = await stream.accept(2, 15);
    stream.events(2, [Number(startRevision), 13, 14]);
    while (seen.at(-1) !== 14) seen.push(...revisionsOf(await batches.next()));
    const first = Number(startRevision);
    expect(seen).toEqual([...Array.from({ length: first - 1 }, (_, i) => i + 2), 13, 14]);
    expect(seen.length).toBeLessThan(14);
  });

  it("holds up no other watch", async () => {
    const { fast, stream } = await slowAndFast();
    for (let revision = 2; revision < 100; revision++) stream.events(0, [revision]);
    stream.events(1, [100]);
    expect(revisionsOf(await reader(fast).next())).toEqual([100]);
  });

  it("drops what it has of a revision that is not whole", async () => {
    const { slow, stream } = await slowAndFast();
    const many = Array.from({ length: 20 }, (_, i) => i + 2);
    stream.events(0, [...many, 30, 30], { fragment: true });
    expect(await stream.cancel()).toBe(0n);
    stream.events(0, [30, 31]);
    const batches = reader(slow);
    expect(revisionsOf(await batches.next())).toEqual(many);
    expect((await stream.accept(2, 40)).startRevision).toBe(22n);
    stream.events(2, [30, 30, 30, 31]);
    expect(revisionsOf(await batches.next())).toEqual([30, 30, 30, 31]);
  });

  it("stays paused over a cut, and is resumed at its own revision", async () => {
    const { etcd, slow, stream } = await slowAndFast();
    stream.events(
      0,
      Array.from({ length: 20 }, (_, i) => i + 2),
    );
    await stream.cancel();
    stream.cut();
    const next = await etcd.stream();
    expect(new TextDecoder().decode((await next.accept(0, 40)).key)).toBe("fast");
    expect(next.unread).toBe(0);
    await reader(slow).next();
    const resumed = await next.accept(1, 40);
    expect(new TextDecoder().decode(resumed.key)).toBe("slow");
    expect(resumed.startRevision).toBe(22n);
  });

  it("ends while it is paused without a word to the server", async () => {
    const { slow, fast, stream } = await slowAndFast();
    stream.events(
      0,
      Array.from({ length: 20 }, (_, i) => i + 2),
    );
    await stream.cancel();
    await slow.close();
    stream.events(1, [40]);
    await reader(fast).next();
    expect(stream.unread).toBe(0);
  });
});
