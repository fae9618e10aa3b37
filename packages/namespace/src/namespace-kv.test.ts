import { compare, type Kv, type KvExecutor, kvFrom, type Op, op, shareKeySpace, utf8 } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { type AskedStore, createAskedStore } from "../test/asked-store.js";
import { namespaceKv } from "./namespace-kv.js";

function setUp(prefix = "foo/"): {
  readonly store: AskedStore;
  readonly kv: Kv;
  readonly names: () => unknown;
} {
  const store = createAskedStore();
  return {
    store,
    kv: namespaceKv(store.kv, prefix),
    names: () => store.pairs.map(({ key }) => utf8(key)),
  };
}

describe("namespaceKv", () => {
  it("refuses what is no Kv", () => {
    for (const kv of [undefined, null, { kv: createAskedStore().kv }]) {
      expect(() => namespaceKv(kv as never, "foo/")).toThrow(new TypeError("kv must be a Kv"));
    }
  });

  // namespace_test.go:TestNamespacePutGet
  it("writes behind the prefix and answers without it", async () => {
    const { store, kv, names } = setUp();
    await kv.put("abc", "bar");
    expect(names()).toEqual(["foo/abc"]);
    const found = await kv.get("abc");
    expect([found && utf8(found.key), found && utf8(found.value)]).toEqual(["abc", "bar"]);
    expect(await store.kv.get("abc")).toBeUndefined();
  });

  it("strips what was overwritten and what was deleted", async () => {
    const { kv } = setUp();
    await kv.put("a", "1");
    const { prevKv } = await kv.put("a", "2", { prevKv: true });
    expect(prevKv && utf8(prevKv.key)).toBe("a");
    const { prevKvs } = await kv.delete({ prefix: "a" }, { prevKv: true });
    expect(prevKvs.map(({ key }) => utf8(key))).toEqual(["a"]);
  });

  it("deletes everything of its own, and nothing else", async () => {
    const { store, kv, names } = setUp("a/");
    for (const key of ["a", "a/", "a0", "b"]) await store.kv.put(key, "foreign");
    for (const key of ["x", "y", "\xff"]) await kv.put(key, "own");
    expect((await kv.range({ prefix: "" })).count).toBe(3);
    expect((await kv.delete({ from: "\0" })).deleted).toBe(3);
    expect(names()).toEqual(["a", "a/", "a0", "b"]);
    await expect(kv.delete({ prefix: "" })).rejects.toThrow(TypeError);
  });

  it("translates compares and all kinds of operations, however deep", async () => {
    const { store, kv, names } = setUp();
    await store.kv.put("zzz", "foreign");
    await kv.put("a", "1");
    const inner = op.txn({
      compare: [compare.exists({ from: "a" }), compare.missing({ prefix: "z" })],
      success: [op.put("c", "3", { prevKv: true }), op.range({ prefix: "" })],
    });
    const { succeeded, responses } = await kv.txn({
      compare: [
        compare.value("a").equals("1"),
        compare.createRevision({ from: "a", to: "b" }).greaterThan(0n),
      ],
      success: [op.put("b", "2"), op.delete("a", { prevKv: true }), inner],
    });
    expect(succeeded).toBe(true);
    expect(names()).toEqual(["foo/b", "foo/c", "zzz"]);
    const [, deleted, nested] = responses;
    expect(deleted).toMatchObject({ deleted: 1, prevKvs: [{ key: new TextEncoder().encode("a") }] });
    expect(nested).toMatchObject({
      succeeded: true,
      responses: [
        {},
        { kvs: [{ key: new TextEncoder().encode("b") }, { key: new TextEncoder().encode("c") }] },
      ],
    });
  });

  it.each<[string, Op, object]>([
    ["get", op.range(""), {}],
    ["put", op.put("", "v"), { outcome: "not-applied" }],
    ["delete", op.delete(""), { outcome: "not-applied" }],
    ["compare", op.txn({ compare: [compare.exists("")] }), { outcome: "not-applied" }],
    ["put in a txn", op.txn({ success: [op.put("", "v")] }), { outcome: "not-applied" }],
    ["range in a nested txn", op.txn({ failure: [op.txn({ success: [op.range("")] })] }), {}],
  ])("refuses the empty key of a %s without asking", async (_, asked, details) => {
    const { store, kv } = setUp();
    const refused = kv.execute(asked);
    await expect(refused).rejects.toMatchObject({
      code: "EMPTY_KEY",
      message: "etcdserver: key is not provided",
      grpcCode: "INVALID_ARGUMENT",
      ...details,
    });
    expect(store.asked).toEqual([]);
  });

  it("refuses what is no op, and keys that are no bytes", async () => {
    const { kv } = setUp();
    const increment = { type: "increment" };
    await expect(kv.execute(increment as never)).rejects.toThrow(
      new TypeError("op must be a range, put, delete, txn or compact op"),
    );
    for (const foreign of [increment, op.compact(1n)]) {
      const nested = { type: "txn", compare: [], success: [], failure: [foreign] };
      await expect(kv.execute(nested as never)).rejects.toThrow(
        new TypeError("op of a txn must be a range, put, delete or txn op"),
      );
    }
    await expect(kv.execute({ type: "range", key: "a" } as never)).rejects.toThrow("op.key must be");
    const range = { type: "range", key: Uint8Array.of(1), rangeEnd: "b" };
    await expect(kv.execute(range as never)).rejects.toThrow("op.rangeEnd must be");
  });

  it("hands on call options, and compactions as they are", async () => {
    const calls: unknown[] = [];
    const kv = namespaceKv(recorder(calls, { header: {} }), "foo/");
    const { signal } = new AbortController();
    await kv.compact(5n, { physical: true, signal });
    expect(calls).toEqual([[{ type: "compact", revision: 5n, physical: true }, { signal }]]);
  });

  it("copies answers: two namespaces over one cached answer do not disturb each other", async () => {
    const cached = createAskedStore();
    await cached.kv.put("a/b/c", "v");
    const answer = Object.freeze(await cached.kv.range("a/b/c"));
    for (const pair of answer.kvs) Object.freeze(pair);
    const always = recorder([], answer);
    for (let i = 0; i < 2; i++) {
      const outer = await namespaceKv(always, "a/").range("b/c");
      const inner = await namespaceKv(namespaceKv(always, "a/"), "b/").range("c");
      expect([outer, inner].map(({ kvs }) => kvs.map(({ key }) => utf8(key)))).toEqual([["b/c"], ["c"]]);
    }
  });

  it("rejects an answer about a key from outside; of a write that says so, nothing is known", async () => {
    const foreign = createAskedStore();
    await foreign.kv.put("secret", "v");
    const kv = namespaceKv(recorder([], await foreign.kv.delete("secret", { prevKv: true })), "foo/");
    await expect(kv.delete("a", { prevKv: true })).rejects.toMatchObject({
      code: "PROTOCOL",
      outcome: "unknown",
    });
    const reader = namespaceKv(recorder([], { kvs: [{ key: Uint8Array.of(1) }] }), "foo/");
    await expect(reader.get("a")).rejects.toSatisfy(({ code, outcome }) => code === "PROTOCOL" && !outcome);
  });

  it("streams without the prefix where what it wraps can stream, and else does not", async () => {
    const { store, kv } = setUp();
    for (const key of ["foo", "foo/a", "foo/b", "foo0"]) await store.kv.put(key, "v");
    const chunks: string[] = [];
    for await (const { kvs } of kv.stream?.(op.range({ prefix: "" })) ?? []) {
      chunks.push(...kvs.map(({ key }) => utf8(key)));
    }
    expect(chunks).toEqual(["a", "b"]);
    const pages: unknown[] = [];
    for await (const page of kv.scan({ prefix: "" }, { pageSize: 1 }))
      pages.push(page.map(({ key }) => utf8(key)));
    expect(pages).toEqual([["a"], ["b"]]);
    expect(namespaceKv(recorder([], {}), "foo/").stream).toBeUndefined();
  });

  it("speaks of the keys behind its prefix, in those of what it wraps", () => {
    const { store } = setUp();
    const nested = namespaceKv(namespaceKv(store.kv, "a/"), "b/");
    expect(nested.keyPrefix && utf8(nested.keyPrefix)).toBe("a/b/");
    expect(shareKeySpace(nested, namespaceKv(store.kv, "a/b/"))).toBe(true);
    expect(shareKeySpace(nested, store.kv)).toBe(false);
  });

  it("refuses an empty prefix", () => {
    expect(() => setUp("")).toThrow(TypeError);
  });
});

/** An executor that notes what it is asked and always answers the same. */
function recorder(calls: unknown[], answer: object): KvExecutor {
  return kvFrom({
    async execute(...call) {
      calls.push(call);
      return answer as never;
    },
  });
}
