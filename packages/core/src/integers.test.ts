import { describe, expect, it } from "vitest";
import { checkId, checkInt64, checkMemberId, checkPositiveInteger, checkRevision } from "./integers.js";

type Row = readonly [value: unknown, error: Error | undefined];

function rows(check: (value: unknown, name: string) => void, table: readonly Row[]): void {
  it.each(table)("answers %s", (value, error) => {
    if (error === undefined) expect(() => check(value, "x")).not.toThrow();
    else expect(() => check(value, "x")).toThrow(error);
  });
}

const notBigint = new TypeError("x must be a bigint");
const tooLarge = new RangeError("x must fit in 64 bits");

describe("checkInt64", () => {
  rows(checkInt64, [
    [-(2n ** 63n), undefined],
    [2n ** 63n - 1n, undefined],
    [0n, undefined],
    [-(2n ** 63n) - 1n, tooLarge],
    [2n ** 63n, tooLarge],
    [5, notBigint],
    ["5", notBigint],
    [null, notBigint],
  ]);
});

describe("checkRevision", () => {
  rows(checkRevision, [
    [1n, undefined],
    [2n ** 63n - 1n, undefined],
    [0n, new RangeError("x must not be 0n: leave it out")],
    [-1n, new RangeError("x must be positive")],
    [2n ** 63n, tooLarge],
    [1, notBigint],
  ]);
});

describe("checkId", () => {
  rows(checkId, [
    [1n, undefined],
    [-1n, undefined],
    [0n, new RangeError("x must not be 0n: leave it out")],
    [7, notBigint],
  ]);
});

describe("checkMemberId", () => {
  const unsigned = new RangeError("x must fit in 64 bits without a sign");
  rows(checkMemberId, [
    [1n, undefined],
    [2n ** 63n, undefined],
    [2n ** 64n - 1n, undefined],
    [0n, new RangeError("x must not be 0n: no member has that id")],
    [-1n, unsigned],
    [2n ** 64n, unsigned],
    [1, notBigint],
    ["8e9e05c52164694d", notBigint],
  ]);
});

describe("checkPositiveInteger", () => {
  rows(checkPositiveInteger, [
    [1, undefined],
    [Number.MAX_SAFE_INTEGER, undefined],
    [0, new RangeError("x must not be 0: leave it out")],
    [-1, new RangeError("x must be a positive integer")],
    [1.5, new RangeError("x must be a positive integer")],
    [Number.NaN, new RangeError("x must be a positive integer")],
    [Number.POSITIVE_INFINITY, new RangeError("x must be a positive integer")],
    [2 ** 53, new RangeError("x must be a positive integer")],
    [5n, new TypeError("x must be a number")],
    ["5", new TypeError("x must be a number")],
  ]);
});
