import type { KeyValue } from "@etcdkit/core";
import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { Entries, type Entry } from "./entries.js";

function pairOf(name: string, value: string): KeyValue {
  const [createRevision, modRevision, version, lease] = [1n, 1n, 1n, 0n];
  const key = toBytes(name, "key");
  return {
    $typeName: "mvccpb.KeyValue",
    key,
    value: toBytes(value, "value"),
    createRevision,
    modRevision,
    version,
    lease,
  };
}

function entryOf(name: string, value = ""): Entry {
  return { name, key: toBytes(name, "key"), token: 5n, pair: pairOf(name, value), revision: 5n, read: false };
}

function bounded(
  maxKeys: number,
  maxBytes = Number.MAX_SAFE_INTEGER,
): { entries: Entries; evicted: string[] } {
  const evicted: string[] = [];
  return { entries: new Entries({ maxKeys, maxBytes }, ({ name }) => evicted.push(name)), evicted };
}

describe("entries", () => {
  it("leave when there are too many, first what was not read since its turn came last", () => {
    const { entries, evicted } = bounded(2);
    const first = entryOf("a");
    entries.set(first);
    entries.set(entryOf("b"));
    first.read = true;
    entries.set(entryOf("c"));
    expect(evicted).toEqual(["b"]);
    entries.set(entryOf("d"));
    entries.set(entryOf("e"));
    expect(evicted).toEqual(["b", "c", "a"]);
    expect([...entries.all()].map(({ name }) => name)).toEqual(["d", "e"]);
  });

  it("leave also when all of them were read: the first one, then", () => {
    const { entries, evicted } = bounded(3);
    for (const name of ["a", "b", "c"]) entries.set({ ...entryOf(name), read: true });
    entries.set(entryOf("d"));
    expect(evicted).toEqual(["a"]);
  });

  it("leave when they take too much memory, and come back to nothing when all have left", () => {
    const { entries, evicted } = bounded(100, 3_000);
    for (const name of ["a", "b", "c", "d"]) entries.set(entryOf(name, "x".repeat(500)));
    expect(evicted).toEqual(["a", "b"]);
    expect(entries.bytes).toBeLessThanOrEqual(3_000);
    for (const { name } of [...entries.all()]) entries.remove(name);
    expect([entries.bytes, entries.size]).toEqual([0, 0]);
  });

  it("do not make room for one that is too large by itself", () => {
    const { entries, evicted } = bounded(100, 3_000);
    entries.set(entryOf("a"));
    entries.set(entryOf("b", "x".repeat(4_000)));
    expect(evicted).toEqual(["b"]);
    expect(entries.get("a")).toBeDefined();
  });

  it("learn what their key became, the newest revision last, in whatever order they hear of it", () => {
    const { entries } = bounded(10);
    const entry = entryOf("a", "old");
    entries.set(entry);
    entries.update(entry, pairOf("a", "newest"), 9n);
    entries.update(entries.get("a") ?? entry, undefined, 8n);
    expect(entries.get("a")).toMatchObject({
      revision: 9n,
      token: 5n,
      pair: { value: toBytes("newest", "value") },
    });
    entries.update(entries.get("a") ?? entry, undefined, 10n);
    expect(entries.get("a")?.pair).toBeUndefined();
    expect(entries.size).toBe(1);
  });

  // C-16
  it("of a range are those whose keys lie in it, not the one that is named like its start", () => {
    const { entries } = bounded(10);
    for (const name of ["a", "b", "ba", "c"]) entries.set(entryOf(name));
    expect(entries.within({ from: "b", to: "c" }).map(({ name }) => name)).toEqual(["b", "ba"]);
    expect(entries.within({ from: "aa", to: undefined }).map(({ name }) => name)).toEqual(["b", "ba", "c"]);
  });

  it("know nothing any more when they are cleared", () => {
    const { entries, evicted } = bounded(10);
    entries.set(entryOf("a"));
    entries.clear();
    expect([entries.size, entries.bytes, evicted.length]).toEqual([0, 0, 0]);
    expect(entries.remove("a")).toBeUndefined();
  });
});
