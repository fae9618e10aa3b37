import { describe, expect, it } from "vitest";
import { KeyPrefix } from "./key-prefix.js";

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (unit) => unit.charCodeAt(0));

describe("KeyPrefix", () => {
  // client/v3/namespace/util_test.go:TestPrefixInterval
  it.each([
    ["one key", "pfx/", "a", undefined, "pfx/a", undefined],
    ["a range", "pfx/", "abc", "def", "pfx/abc", "pfx/def"],
    ["everything from a key on", "pfx/", "abc", "\0", "pfx/abc", "pfx0"],
    ["everything from a key on, at the end of all keys", "\xff\xff", "abc", "\0", "\xff\xffabc", "\0"],
    // Go keeps the length of the prefix there (62 00), and so lets in the key 62, which is not of the namespace.
    ["everything, behind a prefix that ends in ff", "\x61\xff", "\0", "\0", "\x61\xff\0", "\x62"],
    ["an end that is there and empty, which is none", "pfx/", "a", "", "pfx/a", undefined],
    ["a range that is empty", "pfx/", "b", "a", "pfx/b", "pfx/a"],
    ["the end of a prefix that is a zero byte", "\0", "\0", "\0", "\0\0", "\x01"],
  ])("turns %s", (_, prefix, key, rangeEnd, outerKey, outerEnd) => {
    const range = { key: bytes(key), ...(rangeEnd !== undefined && { rangeEnd: bytes(rangeEnd) }) };
    expect(new KeyPrefix(bytes(prefix)).addToRange(range)).toEqual({
      key: bytes(outerKey),
      ...(outerEnd !== undefined && { rangeEnd: bytes(outerEnd) }),
    });
  });

  it("refuses the empty key, which would be the bare prefix", () => {
    const prefix = new KeyPrefix("a/");
    const refusal = expect.objectContaining({
      code: "EMPTY_KEY",
      message: "etcdserver: key is not provided",
    });
    expect(() => prefix.add(bytes(""))).toThrow(refusal);
    expect(() => prefix.addToRange({ key: bytes(""), rangeEnd: bytes("\0") })).toThrow(refusal);
    expect(prefix.has(bytes("a/"))).toBe(false);
    expect(prefix.has(bytes("a/b"))).toBe(true);
    expect(prefix.has(bytes("b/b"))).toBe(false);
    expect(prefix.has(bytes("a"))).toBe(false);
  });

  it("refuses to hand on a key from outside, and does not name it", () => {
    const prefix = new KeyPrefix("a/");
    expect(prefix.strip(bytes("a/b"))).toEqual(bytes("b"));
    for (const foreign of ["b/secret", "a/", "a", ""]) {
      expect(() => prefix.strip(bytes(foreign))).toThrow(
        expect.objectContaining({ code: "PROTOCOL", message: expect.not.stringContaining("secret") }),
      );
    }
  });

  it("gives out bytes of its own", () => {
    const prefix = new KeyPrefix("a/");
    const everything = { key: bytes("\0"), rangeEnd: bytes("\0") };
    prefix.addToRange(everything).rangeEnd?.fill(0);
    expect(prefix.addToRange(everything)).toEqual({ key: bytes("a/\0"), rangeEnd: bytes("a0") });
    const key = bytes("a/b");
    prefix.strip(key).fill(0);
    expect(key).toEqual(bytes("a/b"));
  });

  it("stands behind the prefix of what is wrapped", () => {
    expect(new KeyPrefix("b/").within({})).toEqual(bytes("b/"));
    expect(new KeyPrefix("b/").within({ keyPrefix: bytes("a/") })).toEqual(bytes("a/b/"));
  });

  it("refuses a prefix that is empty or no key", () => {
    expect(() => new KeyPrefix("")).toThrow(new TypeError("prefix must not be empty"));
    expect(() => new KeyPrefix(new Uint8Array())).toThrow(TypeError);
    expect(() => new KeyPrefix(undefined as never)).toThrow(
      new TypeError("prefix must be a string or a Uint8Array"),
    );
  });
});
