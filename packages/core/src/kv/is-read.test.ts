import { expect, it } from "vitest";
import { op } from "./build-op.js";
import { compare } from "./compare.js";
import { isRead } from "./is-read.js";

it("ranges read, and so do transactions of nothing but reads, whichever way their compares go", () => {
  const range = op.range("k");
  expect(isRead(range)).toBe(true);
  expect(isRead(op.txn({}))).toBe(true);
  expect(
    isRead(
      op.txn({ compare: [compare.exists("k")], success: [range], failure: [op.txn({ success: [range] })] }),
    ),
  ).toBe(true);
});

it("whatever may write does not, however deep it lies", () => {
  for (const write of [op.put("k", "v"), op.delete("k"), op.compact(1n)]) expect(isRead(write)).toBe(false);
  expect(isRead(op.txn({ success: [op.put("k", "v")] }))).toBe(false);
  expect(isRead(op.txn({ failure: [op.txn({ failure: [op.delete("k")] })] }))).toBe(false);
});
