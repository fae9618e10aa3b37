import { describe, expect, it } from "vitest";
import { type Compare, compare } from "./compare.js";

const foo = new TextEncoder().encode("foo");
const fop = new TextEncoder().encode("fop");
const zero = Uint8Array.of(0);

describe("compare", () => {
  it.each<[Compare, Compare]>([
    [
      compare.value("foo").equals("v"),
      { target: "value", relation: "equal", key: foo, operand: Uint8Array.of(0x76) },
    ],
    [
      compare.value("foo").notEquals(""),
      { target: "value", relation: "notEqual", key: foo, operand: new Uint8Array() },
    ],
    [compare.version("foo").equals(0n), { target: "version", relation: "equal", key: foo, operand: 0n }],
    [
      compare.createRevision("foo").notEquals(1n),
      { target: "createRevision", relation: "notEqual", key: foo, operand: 1n },
    ],
    [
      compare.modRevision("foo").greaterThan(2n),
      { target: "modRevision", relation: "greater", key: foo, operand: 2n },
    ],
    [compare.lease("foo").lessThan(-3n), { target: "lease", relation: "less", key: foo, operand: -3n }],
    // clientv3util: ExampleKeyExists, ExampleKeyMissing
    [compare.exists("foo"), { target: "version", relation: "greater", key: foo, operand: 0n }],
    [compare.missing("foo"), { target: "version", relation: "equal", key: foo, operand: 0n }],
    [
      compare.missing({ prefix: "foo" }),
      { target: "version", relation: "equal", key: foo, rangeEnd: fop, operand: 0n },
    ],
    [
      compare.version({ from: "foo", to: "fop" }).equals(1n),
      { target: "version", relation: "equal", key: foo, rangeEnd: fop, operand: 1n },
    ],
    // etcd refuses the empty key, also as the start of a range.
    [
      compare.lease({ prefix: "" }).equals(0n),
      { target: "lease", relation: "equal", key: zero, rangeEnd: zero, operand: 0n },
    ],
  ])("makes %o", (made, expected) => {
    expect(made).toStrictEqual(expected);
  });

  // compare_test.go:TestCompareClonesInput, TestWithRangeClonesInput
  it("holds copies of key, end and operand", () => {
    const [from, to, operand] = [Uint8Array.from(foo), Uint8Array.from(fop), Uint8Array.of(1)];
    const pending = compare.value({ from, to });
    from.fill(9);
    to.fill(9);
    const made = pending.equals(operand);
    operand.fill(9);
    expect(made).toStrictEqual({
      target: "value",
      relation: "equal",
      key: foo,
      rangeEnd: fop,
      operand: Uint8Array.of(1),
    });
  });

  it("is immutable, and one target serves several compares", () => {
    const version = compare.version("foo");
    const [one, two] = [version.equals(1n), version.lessThan(2n)];
    expect(Object.isFrozen(one)).toBe(true);
    expect([one.operand, one.relation, two.operand, two.relation]).toEqual([1n, "equal", 2n, "less"]);
  });

  it.each<[string, () => unknown, Error]>([
    [
      "a number as revision",
      () => compare.modRevision("a").equals(5 as never),
      new TypeError("modRevision must be a bigint"),
    ],
    [
      "a string as version",
      () => compare.version("a").equals("5" as never),
      new TypeError("version must be a bigint"),
    ],
    [
      "a missing operand",
      () => compare.lease("a").equals(undefined as never),
      new TypeError("lease must be a bigint"),
    ],
    [
      "a negative version",
      () => compare.version("a").equals(-1n),
      new RangeError("version must not be negative"),
    ],
    [
      "a revision above 63 bits",
      () => compare.createRevision("a").equals(2n ** 63n),
      new RangeError("createRevision must fit in 64 bits"),
    ],
    [
      "a number as value",
      () => compare.value("a").equals(5 as never),
      new TypeError("value must be a string or a Uint8Array"),
    ],
    [
      "a number as key",
      () => compare.value(5 as never),
      new TypeError("key must be a string, a Uint8Array or a range ({ prefix } or { from, to })"),
    ],
    [
      "a range that ends before it starts",
      () => compare.version({ from: "b", to: "a" }),
      new RangeError("key.to must be greater than key.from"),
    ],
  ])("refuses %s", (_, make, error) => {
    expect(make).toThrow(error);
  });
});
