import { describe, expect, it } from "vitest";
import { WriteGates } from "./write-gates.js";

describe("the gate of a key", () => {
  it("stays closed until the last of overlapping writes is done", async () => {
    const gates = new WriteGates();
    const [first, second] = [gates.close(["a"], []), gates.close(["a", "b"], [])];
    const opened = gates.closed("a");
    expect(opened).toBeInstanceOf(Promise);
    first();
    expect(gates.closed("a")).toBe(opened);
    second();
    await opened;
    expect([gates.closed("a"), gates.closed("b")]).toEqual([undefined, undefined]);
  });

  it("is closed by a write of a range that holds it", async () => {
    const gates = new WriteGates();
    const open = gates.close([], [{ from: "b", to: "d" }]);
    expect(gates.closed("a")).toBeUndefined();
    expect(gates.closed("d")).toBeUndefined();
    const opened = gates.closed("c");
    open();
    await opened;
    expect(gates.closed("c")).toBeUndefined();
  });
});
