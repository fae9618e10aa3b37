import { EtcdError, type KeyValue, type WatchBatch } from "@etcdkit/core";
import type { RangeRequest } from "@etcdkit/core/protocol";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../core/test/manual-clock.js";
import { FakeEtcd } from "../test/fake-etcd.js";
import { reader, revisionsOf } from "../test/reading.js";
import { createWatcher } from "./create-watcher.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const name = (index: number): string => `k${String(index).padStart(6, "0")}`;

/** A store of so many keys at a revision, read in pages. */
function store(size: number, revision: number, valueBytes = 0): FakeEtcd["range"] {
  return ({ key, limit }: RangeRequest) => {
    const from = Array.from({ length: size }, (_, i) => name(i)).filter(
      (one) => Buffer.compare(text(one), key) >= 0,
    );
    const value = new Uint8Array(valueBytes);
    return {
      header: { clusterId: 1n, revision: BigInt(revision) },
      kvs: from.slice(0, Number(limit)).map((one) => ({ key: text(one), value })),
      more: from.length > Number(limit),
    };
  };
}

/** Reads a state to its last page. */
async function readState(batches: {
  next(): Promise<WatchBatch>;
}): Promise<{ kvs: KeyValue[]; revision: bigint; sizes: number[] }> {
  const kvs: KeyValue[] = [];
  const sizes: number[] = [];
  while (true) {
    const batch = await batches.next();
    if (batch.kind !== "state") throw new Error(`a state was to come, not ${batch.kind}`);
    kvs.push(...batch.kvs);
    sizes.push(batch.kvs.length);
    if (batch.last) return { kvs, revision: batch.revision, sizes };
  }
}

describe("a watch with initial", () => {
  it("delivers what the keys are, then every later event", async () => {
    const etcd = new FakeEtcd();
    etcd.range = store(3, 10);
    const watch = createWatcher(etcd).watch({ prefix: "k" }, { initial: true });
    expect(await watch.created).toEqual({ revision: 10n });
    const batches = reader(watch);
    const { kvs, revision } = await readState(batches);
    expect(kvs.map(({ key }) => new TextDecoder().decode(key))).toEqual([0, 1, 2].map(name));
    expect(revision).toBe(10n);
    const stream = await etcd.stream();
    expect((await stream.accept(0, 12)).startRevision).toBe(11n);
    stream.events(0, [11, 12]);
    expect(revisionsOf(await batches.next())).toEqual([11, 12]);
  });

  it("says that there are no keys with an empty last page", async () => {
    const etcd = new FakeEtcd();
    etcd.range = store(0, 10);
    const watch = createWatcher(etcd).watch("k", { initial: true });
    expect(await reader(watch).next()).toMatchObject({ kind: "state", revision: 10n, kvs: [], last: true });
  });

  it("reads any number of keys, in pages of one revision that grow where keys are small", async () => {
    const etcd = new FakeEtcd();
    etcd.range = store(2_000, 10, 10);
    const watch = createWatcher(etcd).watch({ prefix: "k" }, { initial: true });
    const { kvs, sizes } = await readState(reader(watch));
    expect(kvs).toHaveLength(2_000);
    expect(sizes).toEqual([128, 1_872]);
    expect(etcd.ranges.map(({ revision }) => revision)).toEqual([0n, 10n]);
    expect(etcd.ranges.every(({ serializable }) => !serializable)).toBe(true);
  });

  it("reads pages that shrink where values are large, and only as fast as they are taken", async () => {
    const etcd = new FakeEtcd();
    etcd.range = store(300, 10, 100_000);
    const watch = createWatcher(etcd).watch({ prefix: "k" }, { initial: true, maxBufferBytes: 2_000_000 });
    await watch.created;
    await new Promise((resolve) => setImmediate(resolve));
    expect(etcd.ranges).toHaveLength(1);
    const { kvs, sizes } = await readState(reader(watch));
    expect(kvs).toHaveLength(300);
    expect(sizes.slice(0, 3)).toEqual([128, 10, 10]);
  });

  it("begins the state anew when its revision is compacted before it was read", async () => {
    const etcd = new FakeEtcd();
    const old = store(1_000, 10, 5_000);
    etcd.range = async (request) => {
      if (request.revision !== 10n) return old(request);
      etcd.range = store(150, 20);
      throw new EtcdError("COMPACTED", "gone");
    };
    const watch = createWatcher(etcd).watch({ prefix: "k" }, { initial: true });
    const batches = reader(watch);
    expect(await batches.next()).toMatchObject({ kind: "state", revision: 10n, last: false });
    const { kvs, revision } = await readState(batches);
    expect([kvs.length, revision]).toEqual([150, 20n]);
    expect((await (await etcd.stream()).create()).startRevision).toBe(21n);
  });

  it("waits for a member that can answer", async () => {
    const clock = new ManualClock();
    const etcd = new FakeEtcd();
    let calls = 0;
    etcd.range = (request) => {
      calls += 1;
      if (calls < 5) throw new EtcdError("UNAVAILABLE", "not now");
      return store(1, 10)(request);
    };
    const watch = createWatcher(etcd, { clock }).watch("k", { initial: true });
    await clock.advance(2_000);
    expect(await watch.created).toEqual({ revision: 10n });
    expect(calls).toBe(5);
  });

  it("ends with what a read is refused for", async () => {
    const etcd = new FakeEtcd();
    const refusal = new EtcdError("AUTH_FAILED", "no");
    etcd.range = () => {
      throw refusal;
    };
    const watch = createWatcher(etcd).watch("k", { initial: true });
    await expect(watch.created).rejects.toBe(refusal);
    await expect(reader(watch).next()).rejects.toBe(refusal);
  });

  it("ends its read when it is closed", async () => {
    const etcd = new FakeEtcd();
    let answer: () => void = () => undefined;
    etcd.range = (request) =>
      new Promise((resolve) => {
        answer = () => resolve(store(1, 10)(request));
      });
    const watch = createWatcher(etcd).watch("k", { initial: true });
    const stream = await etcd.stream();
    await watch.close();
    answer();
    await reader(watch).end();
    expect(stream.left).toBe(true);
  });

  it("resumes after the state when the link breaks, and does not read it again", async () => {
    const etcd = new FakeEtcd();
    etcd.range = store(1, 10);
    const watch = createWatcher(etcd).watch("k", { initial: true });
    await readState(reader(watch));
    const stream = await etcd.stream();
    await stream.accept(0, 10);
    stream.cut();
    expect((await (await etcd.stream()).create()).startRevision).toBe(11n);
    expect(etcd.ranges).toHaveLength(1);
  });
});

describe("a watch that falls behind compaction", () => {
  it("delivers the state in place of what is gone, and goes on, if it was asked to resync", async () => {
    const etcd = new FakeEtcd();
    etcd.range = store(2, 100);
    const watch = createWatcher(etcd).watch({ prefix: "k" }, { onCompacted: "resync" });
    const stream = await etcd.stream();
    await stream.accept(0, 5);
    stream.events(0, [6]);
    stream.send({ header: stream.header(90), watchId: 0n, canceled: true, compactRevision: 50n });
    const batches = reader(watch);
    expect(revisionsOf(await batches.next())).toEqual([6]);
    const { kvs, revision } = await readState(batches);
    expect([kvs.length, revision]).toEqual([2, 100n]);
    expect((await stream.accept(1, 100)).startRevision).toBe(101n);
    stream.events(1, [101]);
    expect(revisionsOf(await batches.next())).toEqual([101]);
    expect(await watch.created).toEqual({ revision: 5n });
  });
});
