import { describe, expect, it } from "vitest";
import type { CallOptions } from "./call-options.js";
import { callChecks, callOf, checkFlag, checkOneOf, checkOptions, optionTable } from "./options.js";

const table = optionTable("put", { prevKv: checkFlag, word: checkOneOf(["a", "b"]), ...callChecks });

describe("checkOptions", () => {
  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["no options", {}],
    ["options that are undefined", { prevKv: undefined, signal: undefined }],
    ["options of the right type", { prevKv: true, word: "b", timeoutMs: 0.5, headers: { a: "b" } }],
    ["Headers", { headers: new Headers() }],
    ["an endless wait", { timeoutMs: Number.POSITIVE_INFINITY, signal: new AbortController().signal }],
    ["an object without a prototype", Object.assign(Object.create(null), { prevKv: false })],
  ])("takes %s", (_, options) => {
    expect(() => checkOptions(table, options)).not.toThrow();
  });

  it.each<[string, unknown, Error]>([
    ["null", null, new TypeError("options of put must be an object")],
    ["a string", "prevKv", new TypeError("options of put must be an object")],
    ["an array", [], new TypeError("options of put must be an object")],
    ["an unknown option", { prevKV: true }, new TypeError('unknown option "prevKV" of put')],
    [
      "__proto__",
      JSON.parse('{"__proto__":{"prevKv":true}}'),
      new TypeError('unknown option "__proto__" of put'),
    ],
    ["constructor", { constructor: 1 }, new TypeError('unknown option "constructor" of put')],
    ["prototype", { prototype: undefined }, new TypeError('unknown option "prototype" of put')],
    ["toString", { toString: () => "" }, new TypeError('unknown option "toString" of put')],
    ["a flag that is a word", { prevKv: "false" }, new TypeError("prevKv must be a boolean")],
    ["a word that is not on the list", { word: "c" }, new TypeError('word must be one of "a", "b"')],
    [
      "a signal that is a controller",
      { signal: new AbortController() },
      new TypeError("signal must be an AbortSignal"),
    ],
    [
      "a timeout of 0",
      { timeoutMs: 0 },
      new RangeError("timeoutMs must be positive: Infinity waits for ever"),
    ],
    [
      "a timeout that is no number",
      { timeoutMs: Number.NaN },
      new RangeError("timeoutMs must be positive: Infinity waits for ever"),
    ],
    ["a timeout in words", { timeoutMs: "5s" }, new TypeError("timeoutMs must be a number")],
    ["requireLeader as a number", { requireLeader: 1 }, new TypeError("requireLeader must be a boolean")],
    ["idempotent as a number", { idempotent: 1 }, new TypeError("idempotent must be a boolean")],
    ["headers as a list", { headers: [["a", "b"]] }, new TypeError("headers must be an object or Headers")],
  ])("refuses %s", (_, options, error) => {
    expect(() => checkOptions(table, options)).toThrow(error);
  });

  it("does not show values in its errors", () => {
    const secret = "s3cret";
    for (const options of [
      { prevKv: secret },
      { word: secret },
      { timeoutMs: secret },
      { headers: secret },
    ]) {
      expect(() => checkOptions(table, options)).toThrow(expect.not.stringContaining(secret));
      expect(() => checkOptions(table, options)).toThrow(TypeError);
    }
  });
});

describe("callOf", () => {
  it("is undefined where the caller set no option of the call", () => {
    expect(callOf(undefined)).toBeUndefined();
    expect(callOf({ prevKv: true } as CallOptions)).toBeUndefined();
  });

  it("takes the options of the call and leaves the method's own", () => {
    const { signal } = new AbortController();
    expect(callOf({ prevKv: true, signal, timeoutMs: 5 } as CallOptions)).toEqual({ signal, timeoutMs: 5 });
  });

  it("copies, so that the caller may use the object again", () => {
    const options = { timeoutMs: 5 };
    const call = callOf(options);
    options.timeoutMs = 6;
    expect(call).toEqual({ timeoutMs: 5 });
  });
});
