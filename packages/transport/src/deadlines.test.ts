import { describe, expect, it } from "vitest";
import { createManualClock, type ManualClock, turn } from "../test/support/manual-clock.js";
import { Deadlines, type Timed } from "./deadlines.js";

function setUp(): {
  readonly clock: ManualClock;
  readonly deadlines: Deadlines;
  readonly passed: string[];
  named(name: string): Timed;
} {
  const clock = createManualClock();
  const passed: string[] = [];
  return {
    clock,
    deadlines: new Deadlines(clock),
    passed,
    named: (name) => ({ onDeadline: () => void passed.push(name) }),
  };
}

describe("Deadlines", () => {
  it("tells each when its time is up, and not before", async () => {
    const { clock, deadlines, passed, named } = setUp();
    deadlines.add(100, named("a"));
    clock.advance(50);
    deadlines.add(100, named("b"));
    deadlines.add(30, named("c"));
    clock.advance(29);
    await turn();
    expect(passed).toEqual([]);
    clock.advance(1);
    await turn();
    expect(passed).toEqual(["c"]);
    clock.advance(20);
    await turn();
    expect(passed).toEqual(["c", "a"]);
    clock.advance(50);
    await turn();
    expect(passed).toEqual(["c", "a", "b"]);
  });

  it("tells nobody who was taken out: the first, the last, one between, all", async () => {
    const { clock, deadlines, passed, named } = setUp();
    const entries = ["a", "b", "c", "d", "e"].map((name) => deadlines.add(100, named(name)));
    for (const index of [0, 2, 4]) {
      const entry = entries[index];
      if (entry === undefined) throw new Error("no entry");
      deadlines.remove(entry);
      deadlines.remove(entry);
    }
    clock.advance(100);
    await turn();
    expect(passed).toEqual(["b", "d"]);
    deadlines.remove(deadlines.add(100, named("f")));
    clock.advance(1_000);
    await turn();
    expect(passed).toEqual(["b", "d"]);
  });

  it("needs one timer for all calls with the same time", () => {
    const { clock, deadlines, named } = setUp();
    for (let call = 0; call < 1_000; call++) {
      deadlines.add(10_000, named("x"));
      clock.advance(1);
    }
    expect(clock.timers).toBe(1);
    deadlines.add(5_000, named("y"));
    expect(clock.timers).toBe(2);
  });

  it("leaves no timer when nothing is to be told", async () => {
    const { clock, deadlines, named } = setUp();
    for (let call = 0; call < 100; call++) {
      deadlines.remove(deadlines.add(10_000, named("x")));
      deadlines.remove(deadlines.add(call, named("x")));
    }
    clock.advance(10_000);
    await turn();
    expect(clock.timers).toBe(0);
  });

  it("sets the timer again for those that came later", async () => {
    const { clock, deadlines, passed, named } = setUp();
    for (let call = 0; call < 5; call++) {
      deadlines.add(100, named(String(call)));
      clock.advance(40);
      await turn();
    }
    // Long waits between: the first timer has fired meanwhile.
    expect(passed).toEqual(["0", "1", "2"]);
    clock.advance(100);
    await turn();
    expect(passed).toEqual(["0", "1", "2", "3", "4"]);
    expect(clock.timers).toBe(0);
  });

  it("judges one turn of the event loop after the timer, so that what has arrived counts", async () => {
    const { clock, deadlines, passed, named } = setUp();
    const entry = deadlines.add(100, named("answered"));
    deadlines.add(100, named("silent"));
    // As after a stall: the timer runs first, then the socket is read.
    clock.advance(5_000);
    expect(passed).toEqual([]);
    deadlines.remove(entry);
    await turn();
    expect(passed).toEqual(["silent"]);
  });

  it("lets a deadline that is told add and take out others", async () => {
    const { clock, deadlines, passed, named } = setUp();
    const second: { entry?: ReturnType<Deadlines["add"]> } = {};
    deadlines.add(100, {
      onDeadline: () => {
        passed.push("first");
        if (second.entry !== undefined) deadlines.remove(second.entry);
        deadlines.add(100, named("third"));
      },
    });
    second.entry = deadlines.add(100, named("second"));
    clock.advance(100);
    await turn();
    expect(passed).toEqual(["first"]);
    clock.advance(100);
    await turn();
    expect(passed).toEqual(["first", "third"]);
  });

  it("is silent and has no timers once stopped", async () => {
    const { clock, deadlines, passed, named } = setUp();
    const entry = deadlines.add(100, named("a"));
    deadlines.add(200, named("b"));
    deadlines.stop();
    expect(clock.timers).toBe(0);
    deadlines.remove(entry);
    clock.advance(1_000);
    await turn();
    expect(passed).toEqual([]);
  });
});
