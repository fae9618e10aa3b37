import { EtcdError, type KeyValue, op, type TxnOp, type WatchBatch } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { MemoryKv } from "../test/memory-kv.js";
import {
  deletion,
  events,
  header,
  pair,
  progress,
  put,
  ScriptedWatcher,
  state,
} from "../test/scripted-watcher.js";
import { type MirrorToOptions, mirrorTo } from "./mirror-to.js";
import type { MirrorProgress } from "./progress.js";

const options: MirrorToOptions = { prefix: "s/", destinationPrefix: "d/", checkpointKey: "at" };

function run(
  destination: MemoryKv,
  batches: readonly WatchBatch[],
  more: Partial<MirrorToOptions> = {},
): AsyncIterable<MirrorProgress> {
  const source = { kv: new MemoryKv(), watcher: new ScriptedWatcher(batches) };
  source.kv.revision = 100n;
  return mirrorTo(source, { kv: destination }, { ...options, ...more });
}

/** Keys and values without the checkpoint. */
function mirrored({ texts: { at: _, ...texts } }: MemoryKv): Record<string, string> {
  return texts;
}

const place = ({ texts }: MemoryKv): unknown => JSON.parse(texts["at"] ?? "null");
const txns = ({ ops }: MemoryKv): TxnOp[] => ops.flatMap((one) => (one.type === "txn" ? one : []));
const lost = new EtcdError("UNAVAILABLE", "the answer was lost", { outcome: "unknown" });

describe("mirrorTo", () => {
  it("makes the destination what the source is, then follows it, one transaction a revision", async () => {
    const destination = new MemoryKv();
    const all = await Array.fromAsync(
      run(destination, [
        state(5n, true, pair(2n, "s/a", "1"), pair(3n, "s/b", "1")),
        events(put(6n, "s/a", "2"), put(6n, "s/c", "2"), deletion(7n, "s/b")),
        progress(9n),
      ]),
    );
    expect(mirrored(destination)).toEqual({ "d/a": "2", "d/c": "2" });
    expect(place(destination)).toMatchObject({
      phase: "updates",
      checkpoint: { revision: "9", clusterId: "7" },
    });
    expect(all).toMatchObject([
      {
        kind: "base",
        reason: "first",
        revision: 5n,
        keys: 2,
        done: true,
        totals: { puts: 2, transactions: 1 },
      },
      { kind: "updates", revision: 6n, sourceRevision: 7n, lag: 1 },
      { kind: "updates", revision: 7n, lag: 0, totals: { puts: 4, deletes: 1, bytes: 19, transactions: 3 } },
      { kind: "updates", revision: 9n, lag: 0 },
    ]);
    // Taking over, the base, its end, two revisions and the progress.
    expect(txns(destination).map(({ success }) => success.length)).toEqual([1, 3, 1, 3, 2, 1]);
  });

  it("does a transaction once whose answer was lost, and tells that it waited", async () => {
    const destination = new MemoryKv();
    const all: MirrorProgress[] = [];
    for await (const one of run(destination, [state(5n, true), events(put(6n, "s/a", "1")), progress(7n)])) {
      all.push(one);
      if (one.kind === "base") destination.faults.push({ when: "after", error: lost });
    }
    expect(all.map(({ kind }) => kind)).toEqual(["base", "waiting", "updates", "updates"]);
    expect(all[1]).toMatchObject({ error: lost, failures: 1 });
    const found = await destination.execute(op.range("d/a"));
    expect(found.kvs).toMatchObject([{ version: 1n }]);
  });

  it("ends with NOT_HOLDER, and writes nothing more, when somebody else wrote the checkpoint", async () => {
    const destination = new MemoryKv();
    const reading = (async () => {
      for await (const { kind } of run(destination, [state(5n, true), events(put(6n, "s/a", "1"))])) {
        if (kind === "base") destination.put("at", "another");
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "NOT_HOLDER", outcome: "not-applied" });
    expect(mirrored(destination)).toEqual({});
  });

  it("ends with NOT_HOLDER also when the destination was set back, and another mirror has come as far again", async () => {
    const destination = new MemoryKv();
    const reading = (async () => {
      for await (const { kind } of run(destination, [state(5n, true), events(put(6n, "s/a", "1"))])) {
        if (kind !== "base") continue;
        const [last] = (await destination.execute(op.range("at"))).kvs;
        destination.revision = (last?.modRevision ?? 0n) - 1n;
        destination.put("at", "another");
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "NOT_HOLDER" });
    expect(mirrored(destination)).toEqual({});
  });

  it("goes on in the middle of a revision, where that took several transactions", async () => {
    const destination = new MemoryKv();
    const writes = ["a", "b", "c", "d", "e", "f", "g"].map((key) => put(6n, `s/${key}`, "1"));
    const first = run(destination, [state(5n, true), events(...writes)], { maxTxnOps: 4 });
    for await (const { kind } of first) {
      // The first part passes, the second one does not get through, nor does anything after it.
      if (kind === "base") destination.faults.push(...[{ when: "after", error: lost } as const]);
      if (kind === "waiting") break;
    }
    expect(Object.keys(mirrored(destination))).toEqual(["d/a", "d/b", "d/c"]);
    expect(place(destination)).toMatchObject({
      checkpoint: { revision: "5" },
      part: { revision: "6", writes: 3 },
    });
    const later = await Array.fromAsync(run(restarted(destination), [events(...writes)], { maxTxnOps: 4 }));
    expect(later.map(({ kind }) => kind)).toEqual(["resumed", "updates"]);
    expect(later.at(-1)).toMatchObject({ totals: { puts: 4, transactions: 2 } });
    expect(Object.keys(mirrored(destination))).toHaveLength(7);
    for (const key of Object.keys(mirrored(destination))) {
      expect((await destination.execute(op.range(key))).kvs).toMatchObject([{ version: 1n }]);
    }
  });

  it("leaves equal keys alone and deletes the others, however the pages fall", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomFrom(seed);
      const destination = new MemoryKv();
      const names = Array.from({ length: 400 }, (_, i) => `${i}`.padStart(3, "0"));
      for (const name of names)
        if (random() < 0.5) destination.put(`d/${name}`, random() < 0.5 ? "old" : "new");
      destination.put("c/before", "kept");
      destination.put("e/after", "kept");
      const before = { ...destination.texts };
      const wanted = names.filter(() => random() < 0.5);
      const pages: KeyValue[][] = [];
      for (let rest = wanted; rest.length > 0; ) {
        const size = Math.ceil(random() * 60);
        pages.push(rest.slice(0, size).map((name) => pair(2n, `s/${name}`, "new")));
        rest = rest.slice(size);
      }
      if (random() < 0.5) pages.push([]);
      const batches = pages.map((page, i) => state(5n, i === pages.length - 1, ...page));
      const all = await Array.fromAsync(run(destination, batches, { deleteExtra: true, maxTxnOps: 8 }));
      const target = Object.fromEntries(wanted.map((name) => [`d/${name}`, "new"]));
      expect(mirrored(destination)).toEqual({ "c/before": "kept", "e/after": "kept", ...target });
      const changed = wanted.filter((name) => before[`d/${name}`] !== "new").length;
      const extra = Object.keys(before).filter((key) => key.startsWith("d/") && !(key in target)).length;
      expect(all.at(-1)).toMatchObject({ totals: { puts: changed, deletes: extra } });
    }
  });

  it("never touches its checkpoint for a key of the same name, and does not answer itself", async () => {
    const destination = new MemoryKv();
    const batches = [
      state(5n, false, pair(2n, "s/at", "foreign")),
      state(5n, true, pair(3n, "s/b", "1")),
      events(put(6n, "s/at", "foreign again")),
    ];
    const all = await Array.fromAsync(run(destination, batches, { destinationPrefix: "" }));
    expect(mirrored(destination)).toEqual({ b: "1" });
    expect(place(destination)).toMatchObject({ checkpoint: { revision: "5" } });
    expect(all.map(({ kind }) => kind)).toEqual(["base", "base"]);
  });

  it("refuses a destination that has keys also when there is a start revision: later it might delete them", async () => {
    const destination = new MemoryKv();
    destination.put("d/mine", "1");
    const begin = { startRevision: 6n };
    await expect(Array.fromAsync(run(destination, [], begin))).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
    });
    // Compacted before it came that far.
    const all = await Array.fromAsync(
      run(destination, [state(7n, true, pair(6n, "s/a", "1"))], { ...begin, deleteExtra: false }),
    );
    expect(all).toMatchObject([
      { kind: "resumed", revision: 5n },
      { kind: "base", reason: "compacted" },
    ]);
    expect(mirrored(destination)).toEqual({ "d/a": "1", "d/mine": "1" });
  });

  it("keeps transactions within maxTxnBytes together with the checkpoint, however long the keys are", async () => {
    const destination = new MemoryKv();
    const maxTxnBytes = 16 * 1024;
    const long = "k".repeat(4_000);
    const writes = ["1", "2", "3", "4", "5", "6", "7"].map((name) => put(7n, `s/${long}${name}`, "1"));
    const batches = [state(5n, true), events(put(6n, `s/${long}`, "1"), ...writes)];
    await Array.fromAsync(run(destination, batches, { maxTxnBytes }));
    expect(Object.keys(mirrored(destination))).toHaveLength(8);
    const sizes = txns(destination).map(({ success }) =>
      success.reduce((sum, one) => sum + (one.type === "put" ? one.key.length + one.value.length : 0), 0),
    );
    expect(Math.max(...sizes)).toBeLessThan(maxTxnBytes);
    expect(Math.max(...sizes)).toBeGreaterThan(maxTxnBytes / 2);
  });

  it("is never ahead of its source, also where a proxy has made the headers up", async () => {
    const made = { ...events(put(6n, "s/a", "1")), header: header(0n) };
    const all = await Array.fromAsync(run(new MemoryKv(), [state(5n, true), made]));
    expect(all.at(-1)).toMatchObject({ kind: "updates", revision: 6n, sourceRevision: 6n, lag: 0 });
  });

  it("stops between two transactions when it is left", async () => {
    const destination = new MemoryKv();
    for await (const one of run(destination, [
      state(5n, true),
      events(put(6n, "s/a", "1"), put(7n, "s/a", "2")),
    ])) {
      if (one.kind === "updates") break;
    }
    expect(mirrored(destination)).toEqual({ "d/a": "1" });
    expect(place(destination)).toMatchObject({ checkpoint: { revision: "6" } });
  });

  it.each([
    [{ prefix: undefined }, TypeError, "prefix"],
    [{ checkpointKey: undefined }, TypeError, "checkpointKey"],
    [{ checkpointKey: "" }, RangeError, "checkpointKey"],
    [{ destinationPrefix: 1 }, TypeError, "destinationPrefix"],
    [{ startRevision: 0n }, RangeError, "startRevision"],
    [{ deleteExtra: "yes" }, TypeError, "deleteExtra"],
    [{ maxTxnOps: 1 }, RangeError, "maxTxnOps"],
    [{ maxTxnBytes: 0 }, RangeError, "maxTxnBytes"],
    [{ onCompacted: "ignore" }, TypeError, "onCompacted"],
    [{ signal: 1 }, TypeError, "signal"],
    [{ progress: () => undefined }, TypeError, "progress"],
  ])("refuses %o at once", (wrong, error, named) => {
    const act = (): unknown => run(new MemoryKv(), [], wrong as never);
    expect(act).toThrow(error);
    expect(act).toThrow(named);
  });

  it("refuses a destination that is none, and no options", () => {
    const source = { kv: new MemoryKv(), watcher: new ScriptedWatcher([]) };
    expect(() => mirrorTo(source, {} as never, options)).toThrow(/^destination.kv must be a Kv/);
    expect(() => mirrorTo(source, { kv: new MemoryKv() }, undefined as never)).toThrow(/^prefix must be/);
  });
});

/** The same store after the mirror in front of it was started again: nothing is left to fail. */
function restarted(store: MemoryKv): MemoryKv {
  store.faults.length = 0;
  return store;
}

/** Numbers from 0 to 1 that are the same for the same seed (xorshift). */
function randomFrom(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
