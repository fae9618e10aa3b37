import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareBytes, concatBytes, json, toBytes, utf8 } from "./bytes.js";

const anyBytes = fc.uint8Array({ maxLength: 64 });
const wellFormed = fc.string({ unit: "grapheme" });

describe("toBytes", () => {
  it("encodes strings as UTF-8 and utf8 decodes them to the same string", () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        expect(utf8(toBytes(text, "key"))).toBe(text);
      }),
    );
    expect(toBytes("é\u{1f600}", "key")).toEqual(Uint8Array.of(0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80));
  });

  it.each([63, 64, 65])(
    "encodes %i units as the platform does, wherever the last of them needs more than a byte",
    (length) => {
      for (const last of ["~", "\x7f", "\x80", "é", "\uffee", "\u{1f600}"]) {
        const text = "a".repeat(length - last.length) + last;
        expect(toBytes(text, "key")).toEqual(new TextEncoder().encode(text));
      }
    },
  );

  it("copies bytes, so that the original may change", () => {
    const original = Uint8Array.of(1, 2, 3);
    const copy = toBytes(original, "key");
    original.fill(9);
    expect(copy).toEqual(Uint8Array.of(1, 2, 3));
  });

  it("makes a plain Uint8Array of its own memory out of a Buffer, which would share it", () => {
    const buffer = Buffer.from("pooled");
    const copy = toBytes(buffer, "key");
    buffer.fill(0);
    expect(utf8(copy)).toBe("pooled");
    expect(copy.constructor).toBe(Uint8Array);
    expect(copy.buffer.byteLength).toBe(6);
  });

  it("takes bytes of another realm", () => {
    const foreign: Uint8Array = runInNewContext("Uint8Array.of(7, 8)");
    expect(foreign instanceof Uint8Array).toBe(false);
    expect(toBytes(foreign, "key")).toEqual(Uint8Array.of(7, 8));
  });

  it.each([["\ud800"], ["a\udc00"], ["\udc00\ud800"]])("refuses a lone surrogate", (text) => {
    expect(() => toBytes(text, "key")).toThrow(
      new TypeError("key has a lone surrogate, which UTF-8 cannot encode"),
    );
  });

  it.each([
    ["number", 1],
    ["undefined", undefined],
    ["null", null],
    ["array", [1, 2]],
    ["ArrayBuffer", new ArrayBuffer(2)],
    ["Uint16Array", Uint16Array.of(1)],
    ["String object", Object("text")],
  ])("refuses %s and names the argument", (_, value) => {
    expect(() => toBytes(value, "value")).toThrow(new TypeError("value must be a string or a Uint8Array"));
  });
});

describe("utf8", () => {
  it("keeps a byte order mark, so that different bytes never decode to the same string", () => {
    expect(utf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  });

  it("throws TypeError for bytes that are not UTF-8 instead of replacing them", () => {
    expect(() => utf8(Uint8Array.of(0x61, 0xff))).toThrow(new TypeError("bytes are not valid UTF-8"));
    expect(() => utf8("text" as never)).toThrow(new TypeError("bytes must be a Uint8Array"));
  });
});

describe("json", () => {
  it("decodes what JSON.stringify encoded", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(json(toBytes(text, "value"))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("throws SyntaxError without a word of the text", () => {
    const broken = toBytes("hunter2, a password", "value");
    let error: unknown;
    try {
      json(broken);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SyntaxError);
    expect(inspect(error)).not.toContain("hunter2");
  });

  it("cannot be used to change prototypes", () => {
    json(toBytes('{"__proto__":{"polluted":true}}', "value"));
    expect("polluted" in {}).toBe(false);
  });
});

describe("compareBytes", () => {
  it("orders by unsigned bytes, a prefix before what it begins", () => {
    const sorted = [[], [0], [0, 0], [0x61], [0x7f], [0x80], [0xff], [0xff, 0]].map((b) =>
      Uint8Array.from(b),
    );
    expect(sorted.toReversed().toSorted(compareBytes)).toEqual(sorted);
  });

  it("differs from the order of JavaScript strings, which is by UTF-16 units", () => {
    const [high, low] = ["\u{1f600}", "\uffee"] as const;
    expect(high < low).toBe(true);
    expect(compareBytes(toBytes(high, "a"), toBytes(low, "b"))).toBeGreaterThan(0);
  });

  it("is a total order that agrees with equality", () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(-Math.sign(compareBytes(b, a)) + 0);
        expect(compareBytes(a, b) === 0).toBe(Buffer.from(a).equals(b));
      }),
    );
  });
});

describe("concatBytes", () => {
  it("joins parts in order and shares memory with none of them", () => {
    fc.assert(
      fc.property(fc.array(anyBytes), (parts) => {
        expect([...concatBytes(...parts)]).toEqual(parts.flatMap((part) => [...part]));
      }),
    );
    const part = Uint8Array.of(1);
    const joined = concatBytes(part);
    part[0] = 2;
    expect(joined).toEqual(Uint8Array.of(1));
  });
});
