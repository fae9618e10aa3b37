import type { KeyRange, RangeOpOptions, RangeResult } from "@etcdkit/core";
import { op, utf8 } from "@etcdkit/core";
import { isBytesLike } from "@etcdkit/core/spi";
import { beforeAll, describe, expect, it } from "vitest";
import { describeEachEtcd } from "../support/each-etcd.js";
import { all, type Row, rows, writes } from "./reads-table.js";
import { collect, names, type Store, sharedStore } from "./store.js";

describeEachEtcd("reads", (etcd) => {
  const store = sharedStore(etcd);
  const revisions: bigint[] = [];
  const write = (n: number): bigint => revisions[n - 1] ?? 0n;
  beforeAll(async () => {
    for (const [key, value] of writes) revisions.push((await store.kv.put(key, value)).header.revision);
  });

  /** Compares an answer with a row, in all its fields. */
  function check(answer: RangeResult, row: Row, options: RangeOpOptions): void {
    expect(names(answer.kvs)).toEqual(row.found);
    expect(answer).toMatchObject({ count: row.count ?? row.found.length, more: row.more ?? false });
    expect(answer.header).toMatchObject({ revision: write(8), raftTerm: expect.any(BigInt) });
    for (const found of answer.kvs) expect(found).toEqual(expected(utf8(found.key), options));
  }

  /** What was written, as the server should have it at the revision that is asked for. */
  function expected(name: string, { revision = write(8), keysOnly = false }: RangeOpOptions): unknown {
    const own = writes.flatMap(([key, value], i) =>
      key === name && write(i + 1) <= revision ? [{ value, revision: write(i + 1) }] : [],
    );
    const { value, revision: modRevision } = own.at(-1) ?? {};
    return expect.objectContaining({
      value: new TextEncoder().encode(keysOnly ? "" : value),
      createRevision: own[0]?.revision,
      modRevision,
      version: BigInt(own.length),
      lease: 0n,
    });
  }

  // common/kv_test.go:TestKVGet
  describe("range finds", () => {
    it.each(rows)("$title", async (row) => {
      const options = row.options?.(write) ?? {};
      check(await store.kv.range(row.keys, options), row, options);
    });

    it.each(rows)("$title, without values", async (row) => {
      const options = { ...row.options?.(write), keysOnly: true };
      check(await store.kv.range(row.keys, options), row, options);
    });
  });

  const streamed = rows.filter(({ options }) => {
    const { sort, first, last, ...rest } = options?.(() => 1n) ?? {};
    const bounds = Object.keys(rest).some((name) => /^m(in|ax)/.test(name));
    // Ascending keys are what comes anyway, and are not asked for.
    return (
      (sort === undefined || (sort.by === "key" && sort.order !== "descending")) &&
      !(first ?? last) &&
      !bounds
    );
  });

  // common/kv_test.go:TestKVGetStream
  if (etcd.has("range-stream")) {
    describe("stream finds", () => {
      it.each(streamed)("$title", async (row) => {
        const options = row.options?.(write) ?? {};
        const chunks = await collect(streamOf(store)(op.range(row.keys, options)));
        const kvs = chunks.flatMap((chunk) => chunk.kvs);
        const last = chunks.at(-1);
        expect(last).toBeDefined();
        if (last !== undefined) check({ ...last, kvs }, row, options);
      });
    });
  } else {
    it("stream rejects with UNIMPLEMENTED", async () => {
      await expect(collect(streamOf(store)(op.range("apple")))).rejects.toMatchObject({
        code: "UNIMPLEMENTED",
      });
    });
  }

  // common/kv_test.go:TestKVGetStream
  describe("scan finds", () => {
    const scanned = streamed.filter(({ keys, options }) => {
      const { limit, countOnly } = options?.(() => 1n) ?? {};
      return !isBytesLike(keys) && (limit ?? countOnly) === undefined;
    });

    it.each(scanned)("$title, in pages of two", async ({ keys, options, found }) => {
      const { revision, serializable, keysOnly } = options?.(write) ?? {};
      const pages = await collect(
        store.kv.scan(keys as KeyRange, { revision, serializable, keysOnly, pageSize: 2 }),
      );
      expect(pages.flatMap(names)).toEqual(found);
      expect(pages.every((page) => page.length > 0)).toBe(true);
      for (const kv of pages.flat()) expect(kv).toEqual(expected(utf8(kv.key), { revision }));
    });
  });

  // kv_test.go:TestKVRange
  it("answer with everything that is known of each key, in the order of the keys", async () => {
    const { kvs } = await store.kv.range({ from: "\0" });
    const seen = kvs.map((kv) => [
      utf8(kv.key),
      kv.createRevision - write(1),
      kv.modRevision - write(1),
      kv.version,
    ]);
    expect(seen).toEqual([
      ["apple", 1n, 1n, 1n],
      ["box", 3n, 3n, 1n],
      ["cat", 2n, 6n, 3n],
      ["dog", 0n, 0n, 1n],
      ["dog/tail", 5n, 5n, 1n],
      ["dot", 7n, 7n, 1n],
    ]);
  });

  // kv_test.go:TestKVGetKeysOnlyWithCountOnly
  it("answer with the count and no keys when asked for keys only and the count only", async () => {
    const answer = await store.kv.range(all, { keysOnly: true, countOnly: true });
    expect(answer).toMatchObject({ count: 6, kvs: [], more: false });
  });

  // integration/v3_grpc_test.go:TestV3RangeRequest
  describe("of ranges that only an op made by hand can have", () => {
    it.each([
      ["that is empty", "cat", "cat"],
      ["whose end comes before its start", "dog", "box"],
    ])("find nothing in one %s", async (_, key, rangeEnd) => {
      const [from, to] = [key, rangeEnd].map((text) => new TextEncoder().encode(text));
      const byHand = { type: "range", key: from ?? new Uint8Array(), rangeEnd: to } as const;
      await expect(store.kv.execute(byHand)).resolves.toMatchObject({ kvs: [], count: 0, more: false });
      await expect(store.kv.range({ from: key, to: rangeEnd })).rejects.toThrow(RangeError);
    });
  });

  // integration/v3_grpc_test.go:TestV3RangeRequest
  it("find nothing at the revision before the first write", async () => {
    const answer = await store.kv.range(all, { revision: write(1) - 1n });
    expect(answer).toMatchObject({ kvs: [], count: 0 });
    expect(answer.header.revision).toBe(write(8));
  });
});

function streamOf({ kv }: Store): NonNullable<Store["kv"]["stream"]> {
  if (kv.stream === undefined) throw new Error("the store's kv has no stream");
  return kv.stream;
}
