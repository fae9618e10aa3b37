import { type BranchOp, op } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { asBranch, mostWrites, portions, type Write } from "./transactions.js";

const writes = (count: number): Write[] =>
  Array.from({ length: count }, (_, i) => op.put(`${i}`, "12345678"));

/** Counts as etcd does: what a list has, and what is left for each transaction inside (checkTxnRequest). */
function isAllowed(list: readonly BranchOp[], max: number): boolean {
  const left = max - list.length;
  return left >= 0 && list.every((one) => one.type !== "txn" || isAllowed(one.success, left));
}

const flattened = (list: readonly BranchOp[]): readonly BranchOp[] =>
  list.flatMap((one) => (one.type === "txn" ? flattened(one.success) : [one]));

describe("the writes of a revision", () => {
  it.each([
    [2, 1],
    [3, 2],
    [4, 3],
    [8, 12],
    [128, 4032],
  ])("fit into one transaction of a server that allows %i operations when they are %i", (max, most) => {
    expect(mostWrites(max)).toBe(most);
    for (const count of new Set([1, max - 1, Math.min(max, most), most])) {
      const all = writes(count);
      const list = asBranch(all, max);
      expect(flattened(list)).toEqual(all);
      expect(isAllowed([op.put("checkpoint", ""), ...list], max)).toBe(true);
    }
  });

  it("are cut by their number and by their size, one that is too large alone", () => {
    const sizes = (...args: Parameters<typeof portions>): number[] =>
      [...portions(...args)].map(({ length }) => length);
    expect(sizes(writes(7), 3, 10_000)).toEqual([3, 3, 1]);
    expect(sizes(writes(5), 100, 100)).toEqual([2, 2, 1]);
    expect(sizes([...writes(1), op.put("large", "x".repeat(500)), ...writes(2)], 100, 100)).toEqual([
      1, 1, 2,
    ]);
    expect(sizes([], 3, 100)).toEqual([]);
  });
});
