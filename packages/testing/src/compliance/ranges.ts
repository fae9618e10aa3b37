import {
  compareBytes,
  type KeyOrRange,
  type RangeOpOptions,
  type RangeResult,
  type SortBy,
} from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { reads } from "./entries.js";
import { type Ground, type KvSetup, on } from "./ground.js";

/** Reads of ranges, by each way to read. */
export function describeRanges(setup: KvSetup): void {
  for (const [name, read] of reads) {
    describe(`range, through ${name}`, () => {
      describeKeys(setup, read);
      describeLimits(setup, read);
      describeOrders(setup, read);
      describeFilters(setup, read);
    });
  }
}

type Read = (typeof reads)[number][1];

/** Reads the names of a range. */
async function list(
  read: Read,
  { kv, names }: Ground,
  keys: KeyOrRange,
  options?: RangeOpOptions,
): Promise<readonly string[]> {
  return names((await read(kv, keys, options)).kvs);
}

// common/kv_test.go:TestKVGet, v3_grpc_test.go:TestV3RangeRequest
function describeKeys(setup: KvSetup, read: Read): void {
  it(
    "finds the one key or none",
    on(setup, async ({ kv, key, write }) => {
      await write(["a", "1"], ["ab", "2"]);
      await expect(read(kv, key("a"))).resolves.toMatchObject({
        kvs: [{ key: key("a") }],
        more: false,
        count: 1,
      });
      await expect(read(kv, key("b"))).resolves.toMatchObject({ kvs: [], more: false, count: 0 });
    }),
  );

  it(
    "finds the keys from one up to, but without, another",
    on(setup, async (ground) => {
      await ground.write(["a", ""], ["b", ""], ["b!", ""], ["c", ""], ["d", ""]);
      expect(await list(read, ground, ground.between("b", "d"))).toEqual(["b", "b!", "c"]);
      expect(await list(read, ground, ground.between("b!", "c"))).toEqual(["b!"]);
      expect(await list(read, ground, ground.between("e", "f"))).toEqual([]);
    }),
  );

  it(
    "finds the keys with a prefix and not their neighbours",
    on(setup, async (ground) => {
      await ground.write(["a", ""], ["b", ""], ["b\0", ""], ["ba", ""], ["b\u{10ffff}", ""], ["c", ""]);
      expect(await list(read, ground, ground.prefix("b"))).toEqual(["b", "b\0", "ba", "b\u{10ffff}"]);
    }),
  );

  it(
    "finds the keys with a prefix that ends in ff bytes",
    on(setup, async ({ kv, key, prefix }) => {
      for (const own of [[0x61, 0xfe], [0x61, 0xff], [0x61, 0xff, 0], [0x61, 0xff, 0xff], [0x62]])
        await kv.put(key(own), "");
      const { kvs } = await read(kv, prefix([0x61, 0xff]));
      expect(kvs.map((found) => found.key)).toEqual([
        key([0x61, 0xff]),
        key([0x61, 0xff, 0]),
        key([0x61, 0xff, 0xff]),
      ]);
    }),
  );

  it(
    "finds the keys from one on when there is no end",
    on(setup, async (ground) => {
      await ground.write(["a", ""], ["b", ""], ["c", ""]);
      expect(await list(read, ground, { from: ground.key("b") }, { limit: 2 })).toEqual(["b", "c"]);
      const { count } = await read(ground.kv, { from: ground.key("b") }, { countOnly: true });
      expect(count).toBeGreaterThanOrEqual(2);
    }),
  );

  // Upstream's 3.2.0 repaired that an empty prefix meant nothing.
  it(
    "takes the empty prefix, and the empty start, for all keys",
    on(setup, async ({ kv, write }) => {
      await write(["a", ""], ["b", ""]);
      for (const keys of [{ prefix: "" }, { from: "" }, { from: "\0" }]) {
        const { count, kvs } = await read(kv, keys, { limit: 1 });
        expect(kvs).toHaveLength(1);
        expect(count).toBeGreaterThanOrEqual(2);
      }
    }),
  );

  it(
    "rejects the empty key with EMPTY_KEY",
    on(setup, async ({ kv }) => {
      await expect(read(kv, "")).rejects.toMatchObject({ code: "EMPTY_KEY" });
    }),
  );
}

function describeLimits(setup: KvSetup, read: Read): void {
  // v3_grpc_test.go:TestV3RangeStreamCount
  it.each([
    [1, 1, true],
    [2, 2, true],
    [3, 3, false],
    [4, 3, false],
  ])("cuts three keys at limit %i to %i, and more is %s", async (limit, found, more) => {
    await on(setup, async ({ kv, prefix, names, write }) => {
      await write(["a", ""], ["b", ""], ["c", ""]);
      const result = await read(kv, prefix(), { limit });
      expect(names(result.kvs)).toEqual(["a", "b", "c"].slice(0, found));
      expect([result.more, result.count]).toEqual([more, 3]);
    })();
  });

  it(
    "answers with keys only, or the count only, which wins",
    on(setup, async ({ kv, prefix, write }) => {
      await write(["a", "1"], ["b", "2"]);
      const keysOnly = await read(kv, prefix(), { keysOnly: true });
      expect(keysOnly.kvs.map(({ value }) => value.length)).toEqual([0, 0]);
      await expect(read(kv, prefix(), { countOnly: true })).resolves.toMatchObject({ kvs: [], count: 2 });
      // kv_test.go:TestKVGetKeysOnlyWithCountOnly
      await expect(read(kv, prefix(), { countOnly: true, keysOnly: true })).resolves.toMatchObject({
        kvs: [],
        count: 2,
      });
    }),
  );
}

function describeOrders(setup: KvSetup, read: Read): void {
  it(
    "lists keys in ascending order of their bytes, not of their characters",
    on(setup, async ({ kv, key, prefix, write }) => {
      await write(["\u{1f600}", ""], ["\uffee", ""], ["a", ""], ["B", ""], ["", ""], ["a\0", ""]);
      const { kvs } = await read(kv, prefix());
      const keys = kvs.map((found) => found.key);
      expect(keys).toEqual(keys.toSorted(compareBytes));
      expect(keys).toEqual(["", "B", "a", "a\0", "\uffee", "\u{1f600}"].map(key));
    }),
  );

  // Written so that each order differs from every other.
  const sorted: Readonly<Record<SortBy, readonly string[]>> = {
    key: ["a", "b", "c", "d"],
    version: ["c", "d", "b", "a"],
    created: ["b", "a", "d", "c"],
    modified: ["d", "a", "c", "b"],
    value: ["c", "a", "b", "d"],
  };

  async function writeSorted({ write }: Ground): Promise<void> {
    await write(["b", ""], ["a", ""], ["d", ""], ["a", ""], ["a", ""], ["b", ""], ["d", "4"], ["a", "2"]);
    await write(["c", "1"], ["b", "3"]);
  }

  for (const [by, ascending] of Object.entries(sorted) as [SortBy, readonly string[]][]) {
    it(
      `sorts by ${by}, both ways, and before it cuts at the limit`,
      on(setup, async (ground) => {
        await writeSorted(ground);
        const sortedBy = async (options: RangeOpOptions): Promise<readonly string[]> =>
          await list(read, ground, ground.prefix(), options);
        expect(await sortedBy({ sort: { by, order: "ascending" } })).toEqual(ascending);
        expect(await sortedBy({ sort: { by, order: "descending" } })).toEqual(ascending.toReversed());
        expect(await sortedBy({ sort: { by }, limit: 2 })).toEqual(ascending.slice(0, 2));
        expect(await sortedBy({ sort: { by, order: "descending" }, limit: 1 })).toEqual(ascending.slice(-1));
      }),
    );
  }

  it.each(["key", "created", "modified"] as const)("finds the first and the last by %s", async (by) => {
    await on(setup, async (ground) => {
      await writeSorted(ground);
      const order = sorted[by];
      expect(await list(read, ground, ground.prefix(), { first: by })).toEqual(order.slice(0, 1));
      expect(await list(read, ground, ground.prefix(), { last: by })).toEqual(order.slice(-1));
      expect(await list(read, ground, ground.prefix("x"), { first: by })).toEqual([]);
    })();
  });
}

function describeFilters(setup: KvSetup, read: Read): void {
  it(
    "bounds the revisions of keys, both bounds included, and counts all of them",
    on(setup, async (ground) => {
      const [a, b, c, b2] = await ground.write(["a", "1"], ["b", "1"], ["c", "1"], ["b", "2"]);
      const rows: readonly (readonly [RangeOpOptions, readonly string[]])[] = [
        [{ minModRevision: c }, ["b", "c"]],
        [{ maxModRevision: c }, ["a", "c"]],
        [{ minModRevision: a + 1n, maxModRevision: b2 - 1n }, ["c"]],
        [{ minCreateRevision: b }, ["b", "c"]],
        [{ maxCreateRevision: b }, ["a", "b"]],
        [{ minCreateRevision: b, maxCreateRevision: b }, ["b"]],
        [{ minCreateRevision: b, maxModRevision: c }, ["c"]],
        [{ minModRevision: b2 + 1n }, []],
      ];
      for (const [options, expected] of rows) {
        const result: RangeResult = await read(ground.kv, ground.prefix(), options);
        expect([ground.names(result.kvs), result.count]).toEqual([expected, 3]);
      }
    }),
  );

  it(
    "reads a range as it was at an older revision",
    on(setup, async (ground) => {
      const [, b] = await ground.write(["a", "1"], ["b", "1"], ["a", "2"], ["c", "1"]);
      await ground.kv.delete(ground.key("b"));
      const { kvs, count } = await read(ground.kv, ground.prefix(), { revision: b });
      expect([ground.names(kvs), kvs.map(({ version }) => version), count]).toEqual([
        ["a", "b"],
        [1n, 1n],
        2,
      ]);
    }),
  );
}
