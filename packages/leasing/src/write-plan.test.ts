import { type BranchOp, op } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { checkSize, planOf } from "./write-plan.js";

const put = op.put("a", "1");

describe("the plan of a write", () => {
  it("has every key that either list may write, each once, and the ranges", () => {
    const inner = op.txn({
      success: [put, op.range("r")],
      failure: [op.delete({ prefix: "p" }), op.delete("d")],
    });
    const plan = planOf(op.txn({ success: [put, op.range("r")], failure: [inner] }));
    expect([...plan.keys.keys()]).toEqual(["a", "d"]);
    expect(plan.ranges).toHaveLength(1);
    expect(planOf(op.txn({ success: [op.range("r")] })).keys.size).toBe(0);
  });

  it("takes an empty end, as messages have it, for one key", () => {
    const { key } = op.delete("d");
    expect([...planOf({ type: "delete", key, rangeEnd: new Uint8Array() }).keys.keys()]).toEqual(["d"]);
  });

  it("is not made of what is no op", () => {
    const bad: readonly unknown[] = [
      { type: "put", key: "a", value: "b" },
      { type: "delete", key: 5 },
      { type: "txn", compare: [], success: [{ type: "compact", revision: 1n }], failure: [] },
    ];
    for (const one of bad) expect(() => planOf(one as BranchOp)).toThrow(TypeError);
  });
});

describe("the size of a transaction", () => {
  it("is that of its longest list and of the transactions inside", () => {
    const list = Array.from({ length: 3 }, (_, i) => op.put(`k${i}`, ""));
    const nested = op.txn({ success: [op.txn({ success: list })] });
    const error = expect.objectContaining({ code: "TOO_MANY_OPS", outcome: "not-applied" });
    for (const [txn, most] of [
      [op.txn({ success: list }), 3],
      [op.txn({ failure: list }), 3],
      [nested, 4],
    ] as const) {
      expect(() => checkSize(txn, most)).not.toThrow();
      expect(() => checkSize(txn, most - 1)).toThrow(error);
    }
  });
});
