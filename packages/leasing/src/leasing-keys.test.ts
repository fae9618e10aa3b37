import { toBytes } from "@etcdkit/core/spi";
import { describe, expect, it } from "vitest";
import { holds, isRange, LeasingKeys, nameOf, namesOf } from "./leasing-keys.js";

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);
const key = (text: string): Uint8Array => toBytes(text, "key");

describe("names of keys", () => {
  it("are in the order of the keys, whatever bytes those have", () => {
    const keys = [
      bytes(0),
      bytes(0, 0),
      bytes(0x61),
      bytes(0x61, 0xff),
      bytes(0x7f),
      bytes(0x80),
      bytes(0xff),
    ];
    const names = keys.map(nameOf);
    expect([...names].sort()).toEqual(names);
    expect(new Set(names).size).toBe(keys.length);
  });

  it("have one character for each byte, in short keys as in long ones", () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(nameOf(all)).toBe(String.fromCharCode(...all));
    expect(Array.from(all, (_, i) => nameOf(all.subarray(i, i + 1))).join("")).toBe(nameOf(all));
    expect(nameOf(new Uint8Array(1_000_000)).length).toBe(1_000_000);
  });

  it("say whether a key is in a range, with an end and without", () => {
    const range = namesOf({ key: key("b"), rangeEnd: key("d") });
    expect(["a", "b", "c", "d"].map((name) => holds(range, name))).toEqual([false, true, true, false]);
    const open = namesOf({ key: key("b"), rangeEnd: bytes(0) });
    expect(["a", "b", "\xff"].map((name) => holds(open, name))).toEqual([false, true, true]);
  });

  it("take an empty end for none: that is one key", () => {
    expect(isRange({ key: key("a"), rangeEnd: bytes() })).toBe(false);
    expect(isRange({ key: key("a") })).toBe(false);
    expect(isRange({ key: key("a"), rangeEnd: bytes(0) })).toBe(true);
  });
});

describe("leasing keys", () => {
  const keys = new LeasingKeys(key("leasing/"));

  it("are the keys behind a prefix, as Go's client writes them", () => {
    expect(keys.of(key("app/color"))).toEqual(key("leasing/app/color"));
    expect(keys.nameIn(key("leasing/app/color"))).toBe("app/color");
    expect(keys.nameIn(key("leasing"))).toBeUndefined();
    expect(keys.nameIn(key("other/app/color"))).toBeUndefined();
  });

  // C-20
  it("of a range without an end have the end of the prefix", () => {
    expect(keys.ofRange({ key: key("k"), rangeEnd: bytes(0) })).toEqual({
      key: key("leasing/k"),
      rangeEnd: key("leasing0"),
    });
    expect(keys.ofRange({ key: key("k"), rangeEnd: key("l") })).toEqual({
      key: key("leasing/k"),
      rangeEnd: key("leasing/l"),
    });
  });

  it("know the ranges that they lie in", () => {
    const meets = (from: string, to: string | undefined): boolean => keys.meets({ from, to });
    expect(meets("a", "leasing/")).toBe(false);
    expect(meets("a", "leasing/\0")).toBe(true);
    expect(meets("leasing/x", "leasing/y")).toBe(true);
    expect(meets("leasing0", undefined)).toBe(false);
    expect(meets("\0", undefined)).toBe(true);
    expect(new LeasingKeys(bytes(0xff)).meets({ from: "\xff\xff", to: undefined })).toBe(true);
  });
});
