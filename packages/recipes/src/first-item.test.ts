import { type RangeOp, utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { found, pair, scriptedKv } from "../test/fake-services.js";
import { firstByAge, firstByKey } from "./first-item.js";

const range = { prefix: "q/" };
const { signal } = new AbortController();
const [a, b, c] = [pair("q/a", "a", 5n), pair("q/b", "b", 6n), pair("q/c", "c", 7n)];
const long = { ...found(9n, a), count: 101 };

describe("firstByAge", () => {
  it("reads one item of a short queue each time", async () => {
    const kv = scriptedKv(
      () => found(9n, a),
      () => found(10n),
    );
    const items = firstByAge(kv, range);
    expect(await items.read(signal)).toEqual({ revision: 9n, first: a });
    items.gone(a);
    expect(await items.read(signal)).toEqual({ revision: 10n, first: undefined });
    expect(kv.asked).toMatchObject([{ limit: 1 }, { limit: 1 }]);
  });

  it("remembers the oldest keys of a long one, and reads those that are still there as they were", async () => {
    const kv = scriptedKv(
      () => long,
      () => ({ ...found(10n, b, c), count: 101 }),
      () => found(11n, pair("q/b", "b anew", 11n)),
      () => found(12n, c),
      () => found(13n, c),
      () => found(14n),
    );
    const items = firstByAge(kv, range);
    expect((await items.read(signal)).first).toBe(a);
    items.gone(a);
    // The second one was written again, and so comes behind the third one now.
    expect(await items.read(signal)).toEqual({ revision: 12n, first: c });
    // It could not be taken: it is still the first one.
    expect(await items.read(signal)).toEqual({ revision: 13n, first: c });
    items.gone(c);
    expect((await items.read(signal)).first).toBeUndefined();
    expect(kv.asked[0]).toMatchObject({ limit: 1 });
    for (const look of [1, 5]) {
      expect(kv.asked[look]).toMatchObject({ keysOnly: true, limit: 500, sort: { by: "modified" } });
    }
    const keys = kv.asked.map((op) => utf8((op as RangeOp).key));
    expect(keys).toEqual(["q/", "q/", "q/b", "q/c", "q/c", "q/"]);
  });

  it("looks at all of a long queue once for all that it remembers, and no more once it is short", async () => {
    const kv = scriptedKv(
      () => long,
      () => found(10n, b),
      () => found(11n, b),
      () => found(12n, c),
      () => found(13n),
    );
    const items = firstByAge(kv, range);
    for (const [revision, first] of [
      [9n, a],
      [11n, b],
      [12n, c],
      [13n, undefined],
    ] as const) {
      expect(await items.read(signal)).toEqual({ revision, first });
      if (first !== undefined) items.gone(first);
    }
    expect(kv.asked.map((op) => utf8((op as RangeOp).key))).toEqual(["q/", "q/", "q/b", "q/", "q/"]);
    expect(kv.asked[3]).toMatchObject({ limit: 1 });
  });

  it("keeps what it remembers when something else is gone", async () => {
    const kv = scriptedKv(
      () => long,
      () => found(9n, a, b),
      () => found(10n, a),
      () => found(10n, a),
    );
    const items = firstByAge(kv, range);
    await items.read(signal);
    await items.read(signal);
    for (const other of [b, pair("q/a", "a", 8n), pair("q/x", "x", 5n)]) items.gone(other);
    expect((await items.read(signal)).first).toBe(a);
  });
});

it("firstByKey reads the one item with the lowest key", async () => {
  const kv = scriptedKv(() => long);
  const items = firstByKey(kv, range);
  expect(await items.read(signal)).toEqual({ revision: 9n, first: a });
  items.gone(a);
  expect(kv.asked).toMatchObject([{ type: "range", limit: 1 }]);
});
