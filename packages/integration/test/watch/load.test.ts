import { setTimeout as delay } from "node:timers/promises";
import { type Kv, op } from "@etcdkit/core";
import { createKv } from "@etcdkit/kv";
import { createWatcher } from "@etcdkit/watch";
import { describe, expect, it } from "vitest";
import { describeNewestEtcd } from "../support/newest.js";
import { uniqueKey } from "../support/unique-key.js";
import { Observer } from "./observer.js";
import { usedBytes } from "./used-bytes.js";

const mebibyte = 1024 * 1024;
/** How long the events of single puts take from the call to the reader, in milliseconds, ascending. */
async function latencies(
  kv: Kv,
  observers: ReadonlyMap<string, Observer>,
  rounds: number,
): Promise<number[]> {
  const all: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [key, observer] of observers) {
      const before = observer.batches.length;
      const start = performance.now();
      await kv.put(key, "tick");
      await observer.until(() => observer.batches.length > before);
      all.push(performance.now() - start);
    }
  }
  return all.sort((a, b) => a - b);
}

// What is measured is this side; how much a server sends at a time hardly depends on its version.
describeNewestEtcd("watches under load", (etcd) => {
  const shared = etcd.shared();

  describe("a reader that has stopped, one of a hundred", () => {
    it("holds up none of the others, takes little memory, and misses nothing", async () => {
      await using direct = shared.connect();
      await using connection = shared.connect();
      const kv = createKv(direct);
      await using watcher = createWatcher(connection);
      const prefix = uniqueKey("slow");
      const others = new Map(
        Array.from({ length: 99 }, (_, i) => [`${prefix}${i}`, new Observer(watcher.watch(`${prefix}${i}`))]),
      );
      const stopped = watcher.watch(`${prefix}stopped`);
      const { revision } = await stopped.created;
      const usual = await latencies(kv, others, 3);
      const usedBefore = usedBytes();

      const written = 6_000;
      let peak = 0;
      let done = false;
      const writing = (async () => {
        const value = "x".repeat(10_000);
        for (let i = 0; i < written; i += 20) {
          await Promise.all(Array.from({ length: 20 }, () => kv.put(`${prefix}stopped`, value)));
          // Not often: the collection itself holds up everything.
          if (i % 2_000 === 0) peak = Math.max(peak, usedBytes() - usedBefore);
        }
        peak = Math.max(peak, usedBytes() - usedBefore);
        done = true;
      })();
      const beside: number[] = [];
      while (!done) beside.push(...(await latencies(kv, others, 1)));
      await writing;
      beside.sort((a, b) => a - b);

      const observer = new Observer(stopped);
      await observer.count(written, 60_000);
      const seen = observer.revisions;
      expect(seen).toHaveLength(written);
      expect(seen.every((one, i) => one > (seen[i - 1] ?? revision))).toBe(true);

      const at = (sorted: readonly number[], share: number): number =>
        sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
      console.info(
        `a stopped reader among 100 (etcd ${etcd.version}): the others' events took ${at(usual, 0.5).toFixed(1)} ms ` +
          `(median), beside ${((written * 10_000) / mebibyte) | 0} MiB for the stopped one ${at(beside, 0.5).toFixed(1)} ms, 99 % within ` +
          `${at(beside, 0.99).toFixed(1)} ms; extra memory at most ${(peak / mebibyte).toFixed(1)} MiB`,
      );
      // The writes themselves keep server and test busy: what counts is that nobody waits for the reader that stopped, which
      // would be until they are over.
      expect(at(beside, 0.5)).toBeLessThan(at(usual, 0.5) + 1_000);
      expect(peak).toBeLessThan(64 * mebibyte);
    }, 120_000);
  });

  it("catch up with a long past in bounded memory, however slow their reader is", async () => {
    await using connection = shared.connect();
    const kv = createKv(connection);
    await using watcher = createWatcher(connection);
    const prefix = uniqueKey("past");
    const [revisions, each] = [5_000, 20];
    const success = Array.from({ length: each }, (_, i) => op.put(`${prefix}${i}`, "x".repeat(100)));
    const first = await kv.txn({ success });
    const write = async (_: unknown, i: number): Promise<void> => {
      for (let n = i + 1; n < revisions; n += 20) await kv.txn({ success });
    };
    await Promise.all(Array.from({ length: 20 }, write));
    const before = usedBytes();
    const watch = watcher.watch({ prefix }, { startRevision: first.header.revision });
    let events = 0;
    let peak = 0;
    let last = first.header.revision - 1n;
    for await (const batch of watch) {
      if (batch.kind !== "events") continue;
      // A revision is whole.
      expect(batch.events.length % each).toBe(0);
      expect(batch.events[0]?.kv?.modRevision).toBe(last + 1n);
      last = batch.revision;
      events += batch.events.length;
      peak = Math.max(peak, usedBytes() - before);
      if (events === revisions * each) break;
      // Long enough for all the rest to arrive, if it were sent.
      await delay(200);
    }
    console.info(`catch-up of ${events} events: extra memory at most ${(peak / mebibyte).toFixed(1)} MiB`);
    expect(peak).toBeLessThan(64 * mebibyte);
  }, 120_000);
});
