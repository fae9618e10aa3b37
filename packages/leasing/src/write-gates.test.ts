import { describe, expect, it } from "vitest";
import { WriteGates } from "./write-gates.js";

describe("the gate of a key", () => {
  it("stays closed until the last of overlapping writes is done", async () => {
    const gates = new WriteGates();
    const [first, second] = [gates.close(["a"], []), gates.close(["a", "b"], [])];
    const passed = gates.passed("a");
    first();
    expect(gates.isClosed("a")).toBe(true);
    second();
    await passed;
    expect([gates.isClosed("a"), gates.isClosed("b")]).toEqual([false, false]);
  });

  it("is waited for as long as the writes last that were under way, not those that came later", async () => {
    const gates = new WriteGates();
    const first = gates.close(["a"], []);
    const passed = gates.passed("a");
    const second = gates.close(["a"], []);
    first();
    await passed;
    expect(gates.isClosed("a")).toBe(true);
    second();
    await gates.passed("a");
    expect(gates.isClosed("a")).toBe(false);
  });

  it("is closed by a write of a range that holds it", async () => {
    const gates = new WriteGates();
    const open = gates.close([], [{ from: "b", to: "d" }]);
    expect(["a", "b", "c", "d"].map((name) => gates.isClosed(name))).toEqual([false, true, true, false]);
    const passed = gates.passed("c");
    open();
    await passed;
    expect(gates.isClosed("c")).toBe(false);
  });
});
