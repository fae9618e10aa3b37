import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes, concatBytes } from "./bytes.js";
import { type KeyOrRange, prefixEnd, toWireRange, type WireRange } from "./key-range.js";

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
// Runs of ff are where ends of prefixes go wrong, so they are made likely.
const byte = fc.oneof(fc.constantFrom(0, 0xfe, 0xff), fc.integer({ min: 0, max: 255 }));
const anyKey = fc.array(byte, { minLength: 1, maxLength: 6 }).map((values) => Uint8Array.from(values));

/** What etcd makes of a range: api/etcdserverpb/rpc.proto, RangeRequest. */
function contains({ key, rangeEnd }: WireRange, candidate: Uint8Array): boolean {
  if (rangeEnd === undefined) return compareBytes(candidate, key) === 0;
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return compareBytes(candidate, key) >= 0 && (open || compareBytes(candidate, rangeEnd) < 0);
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return compareBytes(key.subarray(0, prefix.length), prefix) === 0;
}

describe("prefixEnd", () => {
  it.each([
    ["a", text("a"), text("b")],
    ["foo", text("foo"), text("fop")],
    ["a run of ff after a byte below it", bytes(0x61, 0xff, 0xff), bytes(0x62)],
    ["a zero byte", bytes(0), bytes(1)],
    ["fe", bytes(0xfe), bytes(0xff)],
    ["a run of nothing but ff, which has no end", bytes(0xff, 0xff), bytes(0)],
    ["the empty prefix, which has no end", bytes(), bytes(0)],
  ])("of %s", (_, prefix, end) => {
    const before = Uint8Array.from(prefix);
    expect(prefixEnd(prefix)).toEqual(end);
    expect(prefix).toEqual(before);
  });

  it("takes strings as UTF-8, not by characters", () => {
    expect(prefixEnd("é")).toEqual(bytes(0xc3, 0xaa));
  });
});

describe("a range", () => {
  it("of a prefix contains exactly the keys that begin with it", () => {
    fc.assert(
      fc.property(fc.oneof(anyKey, fc.constant(bytes())), anyKey, (prefix, key) => {
        const range = toWireRange({ prefix });
        expect(contains(range, key)).toBe(startsWith(key, prefix));
        expect(contains(range, concatBytes(prefix, key))).toBe(true);
      }),
    );
  });

  it("of from and to contains exactly the keys in between, from included", () => {
    fc.assert(
      fc.property(anyKey, anyKey, anyKey, (one, other, key) => {
        fc.pre(compareBytes(one, other) !== 0);
        const [from, to] = compareBytes(one, other) < 0 ? [one, other] : [other, one];
        const inside = compareBytes(key, from) >= 0 && compareBytes(key, to) < 0;
        expect(contains(toWireRange({ from, to }), key)).toBe(inside);
      }),
    );
  });

  it("of from alone contains every key from there on", () => {
    fc.assert(
      fc.property(fc.oneof(anyKey, fc.constant(bytes())), anyKey, (from, key) => {
        expect(contains(toWireRange({ from }), key)).toBe(compareBytes(key, from) >= 0);
      }),
    );
  });

  it("is refused when its end is not greater than its start", () => {
    fc.assert(
      fc.property(anyKey, anyKey, (one, other) => {
        const [from, to] = compareBytes(one, other) < 0 ? [other, one] : [one, other];
        expect(() => toWireRange({ from, to })).toThrow(RangeError);
      }),
    );
  });
});

// op_test.go:TestIsOptsWithPrefix, TestIsOptsWithFromKey: each option shapes only its own kind of range.
describe("toWireRange", () => {
  it.each<[string, KeyOrRange, WireRange]>([
    ["one key", "foo", { key: text("foo") }],
    ["one key of bytes", bytes(0, 0xff), { key: bytes(0, 0xff) }],
    ["the empty key, for the server to refuse", "", { key: bytes() }],
    ["a prefix", { prefix: "foo" }, { key: text("foo"), rangeEnd: text("fop") }],
    ["the empty prefix: everything", { prefix: "" }, { key: bytes(0), rangeEnd: bytes(0) }],
    ["from and to", { from: "a", to: "b" }, { key: text("a"), rangeEnd: text("b") }],
    ["from alone", { from: "a" }, { key: text("a"), rangeEnd: bytes(0) }],
    ["the empty from: everything", { from: "" }, { key: bytes(0), rangeEnd: bytes(0) }],
    ["the empty from with an end", { from: "", to: "b" }, { key: bytes(0), rangeEnd: text("b") }],
    [
      "properties that are undefined",
      { prefix: "a", from: undefined },
      { key: text("a"), rangeEnd: text("b") },
    ],
  ])("turns %s into wire form", (_, keys, wire) => {
    expect(toWireRange(keys)).toEqual(wire);
  });

  it.each<[string, unknown, Error]>([
    [
      "a number",
      5,
      new TypeError("range must be a string, a Uint8Array or a range ({ prefix } or { from, to })"),
    ],
    [
      "null",
      null,
      new TypeError("range must be a string, a Uint8Array or a range ({ prefix } or { from, to })"),
    ],
    [
      "an array",
      ["a"],
      new TypeError("range must be a string, a Uint8Array or a range ({ prefix } or { from, to })"),
    ],
    ["nothing", {}, new TypeError("range must have a prefix or a from")],
    ["to alone", { to: "b" }, new TypeError("range must have a prefix or a from")],
    [
      "prefix and to",
      { prefix: "a", to: "b" },
      new TypeError("range must have either a prefix or a from and to, not both"),
    ],
    [
      "prefix and from",
      { prefix: "a", from: "b" },
      new TypeError("range must have either a prefix or a from and to, not both"),
    ],
    ["a misspelt property", { prefx: "a" }, new TypeError('unknown property "prefx" of range')],
    [
      "a polluting property",
      JSON.parse('{"prefix":"a","__proto__":{}}'),
      new TypeError('unknown property "__proto__" of range'),
    ],
    [
      "a prefix of the wrong type",
      { prefix: 5 },
      new TypeError("range.prefix must be a string or a Uint8Array"),
    ],
    [
      "a from of the wrong type",
      { from: null },
      new TypeError("range.from must be a string or a Uint8Array"),
    ],
    [
      "a to of the wrong type",
      { from: "a", to: 5n },
      new TypeError("range.to must be a string or a Uint8Array"),
    ],
    [
      "an end that is its start",
      { from: "a", to: "a" },
      new RangeError("range.to must be greater than range.from"),
    ],
    ["an empty end", { from: "a", to: "" }, new RangeError("range.to must be greater than range.from")],
    [
      "a zero byte as end, which etcd would read as no end",
      { from: "", to: "\0" },
      new RangeError("range.to must be greater than range.from"),
    ],
  ])("refuses %s", (_, keys, error) => {
    expect(() => toWireRange(keys as KeyOrRange, "range")).toThrow(error);
  });

  it("holds copies of all bytes", () => {
    const [from, to] = [text("a"), text("b")];
    const range = toWireRange({ from, to });
    from.fill(0);
    to.fill(0);
    expect(range).toEqual({ key: text("a"), rangeEnd: text("b") });
  });
});
