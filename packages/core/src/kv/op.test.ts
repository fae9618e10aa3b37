import { describe, expect, expectTypeOf, it } from "vitest";
import { op } from "./build-op.js";
import { compare } from "./compare.js";
import type { CompactOp, DeleteOp, Op, PutOp, RangeOp, TxnOp } from "./op.js";
import type { PutOpOptions, RangeOpOptions } from "./op-options.js";
import type { DeleteResult, PutResult, RangeResult, ResultOf, TxnResult } from "./results.js";

const key = new TextEncoder().encode("foo");

describe("op.range", () => {
  it.each<[string, RangeOpOptions, Partial<RangeOp>]>([
    ["nothing", {}, {}],
    ["options that are undefined", { limit: undefined, sort: undefined }, {}],
    ["flags that are false", { serializable: false, keysOnly: false, countOnly: false }, {}],
    ["limit", { limit: 3 }, { limit: 3 }],
    ["revision", { revision: 7n }, { revision: 7n }],
    [
      "flags",
      { serializable: true, keysOnly: true, countOnly: true },
      { serializable: true, keysOnly: true, countOnly: true },
    ],
    [
      "bounds",
      { minModRevision: 1n, maxModRevision: 1n, minCreateRevision: 2n, maxCreateRevision: 3n },
      { minModRevision: 1n, maxModRevision: 1n, minCreateRevision: 2n, maxCreateRevision: 3n },
    ],
    ["one bound", { maxModRevision: 4n }, { maxModRevision: 4n }],
  ])("keeps %s", (_, options, fields) => {
    expect(op.range("foo", options)).toStrictEqual({ type: "range", key, ...fields });
  });

  // op_test.go:TestOpWithSort
  it("drops a sort by ascending keys, the order that comes by itself, and keeps the limit", () => {
    const sorted = op.range("foo", { sort: { by: "key", order: "ascending" }, limit: 10 });
    expect(sorted).toStrictEqual({ type: "range", key, limit: 10 });
    expect(op.range("foo", { sort: { by: "key" } })).toStrictEqual({ type: "range", key });
  });

  it("sends every other sort with an order, ascending by default", () => {
    expect(op.range("foo", { sort: { by: "value" } }).sort).toEqual({ by: "value", order: "ascending" });
    expect(op.range("foo", { sort: { by: "key", order: "descending" } }).sort).toEqual({
      by: "key",
      order: "descending",
    });
  });

  it.each<[RangeOpOptions, Partial<RangeOp>]>([
    [{ first: "key" }, { limit: 1 }],
    [{ last: "key" }, { limit: 1, sort: { by: "key", order: "descending" } }],
    [{ first: "created" }, { limit: 1, sort: { by: "created", order: "ascending" } }],
    [{ last: "created" }, { limit: 1, sort: { by: "created", order: "descending" } }],
    [{ first: "modified" }, { limit: 1, sort: { by: "modified", order: "ascending" } }],
    [{ last: "modified" }, { limit: 1, sort: { by: "modified", order: "descending" } }],
  ])("makes %o a sort with limit 1", (options, fields) => {
    expect(op.range("foo", options)).toStrictEqual({ type: "range", key, ...fields });
  });

  it.each<[string, unknown, Error]>([
    ["limit 0", { limit: 0 }, new RangeError("limit must not be 0: leave it out")],
    ["a negative limit", { limit: -1 }, new RangeError("limit must be a positive integer")],
    ["a limit of the wrong type", { limit: "5" }, new TypeError("limit must be a number")],
    ["revision 0n", { revision: 0n }, new RangeError("revision must not be 0n: leave it out")],
    ["a negative revision", { revision: -1n }, new RangeError("revision must be positive")],
    ["a revision of the wrong type", { revision: 5 }, new TypeError("revision must be a bigint")],
    ["a revision above 63 bits", { revision: 2n ** 63n }, new RangeError("revision must fit in 64 bits")],
    ["a bound of 0n", { minModRevision: 0n }, new RangeError("minModRevision must not be 0n: leave it out")],
    [
      "bounds in the wrong order",
      { minModRevision: 3n, maxModRevision: 2n },
      new RangeError("minModRevision must not be greater than maxModRevision"),
    ],
    [
      "creation bounds in the wrong order",
      { minCreateRevision: 3n, maxCreateRevision: 2n },
      new RangeError("minCreateRevision must not be greater than maxCreateRevision"),
    ],
    ["an unknown option", { revison: 5n }, new TypeError('unknown option "revison" of op.range')],
    ["an option of calls", { timeoutMs: 5 }, new TypeError('unknown option "timeoutMs" of op.range')],
    ["an option of puts", { leaseId: 5n }, new TypeError('unknown option "leaseId" of op.range')],
    // op_test.go:TestIsSortOptionValid
    [
      "an unknown sort target",
      { sort: { by: "age" } },
      new TypeError('sort.by must be one of "key", "version", "created", "modified", "value"'),
    ],
    [
      "an unknown sort order",
      { sort: { by: "key", order: "up" } },
      new TypeError('sort.order must be one of "ascending", "descending"'),
    ],
    ["a sort without target", { sort: { order: "ascending" } }, new TypeError("sort must have a by")],
    ["a sort that is a word", { sort: "key" }, new TypeError("sort must be an object")],
    [
      "a sort with unknown parts",
      { sort: { by: "key", target: "key" } },
      new TypeError('unknown option "target" of sort'),
    ],
    ["first and last", { first: "key", last: "key" }, new TypeError("first and last exclude each other")],
    ["first and limit", { first: "key", limit: 1 }, new TypeError("first and limit exclude each other")],
    [
      "last and sort",
      { last: "key", sort: { by: "key" } },
      new TypeError("last and sort exclude each other"),
    ],
    [
      "an unknown first",
      { first: "value" },
      new TypeError('first must be one of "key", "created", "modified"'),
    ],
    ["a flag that is no boolean", { countOnly: 1 }, new TypeError("countOnly must be a boolean")],
  ])("refuses %s", (_, options, error) => {
    expect(() => op.range("foo", options as RangeOpOptions)).toThrow(error);
  });
});

describe("op.put", () => {
  const value = new TextEncoder().encode("bar");

  it.each<[string, PutOpOptions | undefined, Partial<PutOp>]>([
    ["no options", undefined, {}],
    ["a lease", { leaseId: -5n }, { leaseId: -5n }],
    ["prevKv", { prevKv: true }, { prevKv: true }],
    ["ignoreLease", { ignoreLease: true }, { ignoreLease: true }],
    ["flags that are false", { ignoreLease: false, ignoreValue: false, prevKv: false }, {}],
    ["a lease beside a false ignoreLease", { ignoreLease: false, leaseId: 1n }, { leaseId: 1n }],
  ])("keeps %s", (_, options, fields) => {
    expect(op.put("foo", "bar", options)).toStrictEqual({ type: "put", key, value, ...fields });
  });

  it("takes no value, or an empty one, with ignoreValue", () => {
    const kept: PutOp = { type: "put", key, value: new Uint8Array(), ignoreValue: true };
    expect(op.put("foo", undefined, { ignoreValue: true })).toStrictEqual(kept);
    expect(op.put("foo", "", { ignoreValue: true })).toStrictEqual(kept);
  });

  it("holds copies of key and value", () => {
    const bytes = { key: Uint8Array.from(key), value: Uint8Array.from(value) };
    const made = op.put(bytes.key, bytes.value);
    bytes.key.fill(0);
    bytes.value.fill(0);
    expect(made).toStrictEqual({ type: "put", key, value });
  });

  it.each<[string, readonly unknown[], Error]>([
    ["a missing value", ["foo", undefined], new TypeError("value must be a string or a Uint8Array")],
    ["a number as value", ["foo", 5], new TypeError("value must be a string or a Uint8Array")],
    ["a range as key", [{ prefix: "foo" }, "bar"], new TypeError("key must be a string or a Uint8Array")],
    [
      "a value with ignoreValue",
      ["foo", "bar", { ignoreValue: true }],
      new TypeError("ignoreValue and a value exclude each other"),
    ],
    [
      "a lease with ignoreLease",
      ["foo", "bar", { ignoreLease: true, leaseId: 1n }],
      new TypeError("ignoreLease and leaseId exclude each other"),
    ],
    ["lease 0n", ["foo", "bar", { leaseId: 0n }], new RangeError("leaseId must not be 0n: leave it out")],
    ["a lease of the wrong type", ["foo", "bar", { leaseId: 5 }], new TypeError("leaseId must be a bigint")],
    ["an option of ranges", ["foo", "bar", { limit: 1 }], new TypeError('unknown option "limit" of op.put')],
    [
      "a polluting option",
      ["foo", "bar", JSON.parse('{"__proto__":1}')],
      new TypeError('unknown option "__proto__" of op.put'),
    ],
  ])("refuses %s", (_, [putKey, putValue, options], error) => {
    expect(() => op.put(putKey as string, putValue as string, options as PutOpOptions)).toThrow(error);
  });
});

describe("op.delete", () => {
  it("keeps prevKv", () => {
    expect(op.delete("foo")).toStrictEqual({ type: "delete", key });
    expect(op.delete("foo", { prevKv: true })).toStrictEqual({ type: "delete", key, prevKv: true });
  });

  it("deletes every key only when that is spelled out", () => {
    const everything = String.raw`must not be empty: to delete every key, say { from: "\0" }`;
    for (const empty of ["", new Uint8Array()]) {
      expect(() => op.delete({ prefix: empty })).toThrow(new TypeError(`key.prefix ${everything}`));
      expect(() => op.delete({ from: empty })).toThrow(new TypeError(`key.from ${everything}`));
    }
    const zero = Uint8Array.of(0);
    expect(op.delete({ from: "\0" })).toStrictEqual({ type: "delete", key: zero, rangeEnd: zero });
    expect(op.delete({ from: "", to: "foo" })).toStrictEqual({ type: "delete", key: zero, rangeEnd: key });
  });

  it("leaves an empty single key to the server, which refuses it", () => {
    expect(op.delete("")).toStrictEqual({ type: "delete", key: new Uint8Array() });
  });

  it("refuses options of other ops", () => {
    // @ts-expect-error: not an option of deletions
    expect(() => op.delete("foo", { limit: 1 })).toThrow(
      new TypeError('unknown option "limit" of op.delete'),
    );
  });
});

// compact_op_test.go:TestCompactOp
describe("op.compact", () => {
  it("keeps revision and physical", () => {
    expect(op.compact(100n)).toStrictEqual({ type: "compact", revision: 100n });
    expect(op.compact(100n, { physical: true })).toStrictEqual({
      type: "compact",
      revision: 100n,
      physical: true,
    });
  });

  it("refuses revisions that do not exist and unknown options", () => {
    expect(() => op.compact(0n)).toThrow(RangeError);
    // @ts-expect-error: a number is no revision
    expect(() => op.compact(5)).toThrow(new TypeError("revision must be a bigint"));
    // @ts-expect-error: misspelt
    expect(() => op.compact(5n, { fysical: true })).toThrow('unknown option "fysical" of op.compact');
  });
});

describe("op.txn", () => {
  it("leaves out nothing: absent parts are empty", () => {
    expect(op.txn({})).toStrictEqual({ type: "txn", compare: [], success: [], failure: [] });
  });

  // compare_test.go:TestTxnIfClonesCmp, TestOpTxnClonesCmps
  it("holds copies of its lists and compares, bytes included", () => {
    const condition = compare.value({ from: "a", to: "b" }).equals("v");
    const lists = { compare: [condition], success: [op.range("foo")], failure: [op.delete("foo")] };
    const txn = op.txn(lists);
    const before = structuredClone(txn);
    condition.key.fill(0);
    condition.rangeEnd?.fill(0);
    if (condition.target === "value") condition.operand.fill(0);
    lists.compare.pop();
    lists.success.pop();
    lists.failure.pop();
    expect(txn).toEqual(before);
  });

  it("holds copies of ops that were made by hand, bytes included, at every depth", () => {
    const bytes = (): Uint8Array => Uint8Array.of(1, 2, 3);
    const range: RangeOp = { type: "range", key: bytes(), rangeEnd: bytes(), limit: 3 };
    const put: PutOp = { type: "put", key: bytes(), value: bytes(), leaseId: 5n };
    const remove: DeleteOp = { type: "delete", key: bytes() };
    const condition = { ...compare.value("k").equals("v") };
    const inner: TxnOp = { type: "txn", compare: [condition], success: [put], failure: [remove] };
    const txn = op.txn({ success: [range, put, inner], failure: [remove, { ...op.put("k", "v") }] });
    const before = structuredClone(txn);
    for (const each of [range, put, remove, condition]) each.key.fill(0);
    range.rangeEnd?.fill(0);
    put.value.fill(0);
    expect(txn).toStrictEqual(before);
    expect(txn.success[2]).toStrictEqual({
      type: "txn",
      compare: [condition].map((one) => ({ ...one, key: new TextEncoder().encode("k") })),
      success: [{ type: "put", key: bytes(), value: bytes(), leaseId: 5n }],
      failure: [{ type: "delete", key: bytes() }],
    });
  });

  it("does not copy once more what the builders have copied", () => {
    const success = [op.range("a"), op.put("a", "b"), op.delete("a"), op.txn({})] as const;
    const txn = op.txn({ success });
    for (const [i, one] of success.entries()) expect(txn.success[i]).toBe(one);
  });

  // client/v3/txn_test.go:TestTxnPanics: without a builder, its misuses are those of lists and their elements
  it.each<[string, unknown, Error]>([
    ["no object", undefined, new TypeError("txn must be an object ({ compare, success, failure })")],
    ["a list", [], new TypeError("txn must be an object ({ compare, success, failure })")],
    ["unknown parts", { otherwise: [] }, new TypeError('unknown property "otherwise" of txn')],
    ["an op that is not in a list", { success: op.range("foo") }, new TypeError("success must be an array")],
    [
      "a compare that is not in a list",
      { compare: compare.exists("foo") },
      new TypeError("compare must be an array"),
    ],
    [
      "an op among the compares",
      { compare: [op.range("foo")] },
      new TypeError(
        'compare[0].target must be one of "value", "version", "createRevision", "modRevision", "lease"',
      ),
    ],
    [
      "a compare without relation",
      { compare: [{ target: "version", key, operand: 1n }] },
      new TypeError('compare[0].relation must be one of "equal", "notEqual", "greater", "less"'),
    ],
    [
      "a compare with a string as key",
      { compare: [{ target: "version", relation: "equal", key: "foo", operand: 1n }] },
      new TypeError("compare[0].key must be a Uint8Array"),
    ],
    [
      "a compare with a number as operand",
      { compare: [{ target: "version", relation: "equal", key, operand: 1 }] },
      new TypeError("version must be a bigint"),
    ],
    [
      "a compaction inside",
      { success: [op.range("foo"), op.compact(5n)] },
      new TypeError("success[1] must be a range, put, delete or txn op"),
    ],
    [
      "an op that was made by hand, with a string for its value",
      { success: [{ type: "put", key, value: "foo" }] },
      new TypeError("success[0].value must be a Uint8Array"),
    ],
    ["a hole", { failure: [undefined] }, new TypeError("failure[0] must be a range, put, delete or txn op")],
    [
      "a promise",
      { failure: [Promise.resolve()] },
      new TypeError("failure[0] must be a range, put, delete or txn op"),
    ],
  ])("refuses %s", (_, parts, error) => {
    expect(() => op.txn(parts as Parameters<typeof op.txn>[0])).toThrow(error);
  });
});

describe("types", () => {
  it("give each op of a transaction the type of its own answer, nested ones too", () => {
    const txn = op.txn({
      success: [op.put("a", "1"), op.range("b"), op.txn({ success: [op.delete("c")] })],
      failure: [op.range("a")],
    });
    type Result = ResultOf<typeof txn>;
    type Succeeded = Extract<Result, { succeeded: true }>["responses"];
    type Failed = Extract<Result, { succeeded: false }>["responses"];
    type Nested = Extract<Succeeded[2], { succeeded: true }>["responses"];
    expectTypeOf<Succeeded[0]>().toEqualTypeOf<PutResult>();
    expectTypeOf<Succeeded[1]>().toEqualTypeOf<RangeResult>();
    expectTypeOf<Nested>().toEqualTypeOf<readonly [DeleteResult]>();
    expectTypeOf<Failed>().toEqualTypeOf<readonly [RangeResult]>();
    expectTypeOf<Succeeded["length"]>().toEqualTypeOf<3>();
  });

  it("make absent lists empty ones", () => {
    const txn = op.txn({ success: [op.range("a")] });
    expectTypeOf(txn).toEqualTypeOf<TxnOp<readonly [RangeOp], readonly []>>();
  });

  it("let lists of unknown length through", () => {
    const puts: PutOp[] = ["a", "b"].map((name) => op.put(name, "v"));
    const txn = op.txn({ success: puts });
    expectTypeOf<Extract<ResultOf<typeof txn>, { succeeded: true }>["responses"]>().toExtend<
      readonly PutResult[]
    >();
    expectTypeOf<ResultOf<TxnOp>>().toEqualTypeOf<TxnResult>();
  });

  it("keep compactions out of transactions, and values and ignoreValue apart", () => {
    expectTypeOf<CompactOp>().toExtend<Op>();
    // @ts-expect-error: not in a transaction
    expect(() => op.txn({ success: [op.compact(1n)] })).toThrow(TypeError);
    // @ts-expect-error: no value without ignoreValue
    expect(() => op.put("a", undefined)).toThrow(TypeError);
  });
});
