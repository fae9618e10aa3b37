import { describe, expect, it } from "vitest";
import { createManualClock } from "../../test/support/manual-clock.js";
import { FloodGuard } from "./flood-guard.js";
import { ErrorCode } from "./frame.js";

describe("FloodGuard", () => {
  const count = (guard: FloodGuard, times: number): void => {
    for (let time = 0; time < times; time++) guard.count("PING");
  };

  it("ends the connection at the ten thousandth frame of a second that carries nothing", () => {
    const clock = createManualClock();
    const guard = new FloodGuard(clock);
    count(guard, 10_000); // up to the first look at the clock any time may have passed
    count(guard, 9_999);
    let thrown: unknown;
    try {
      guard.count("PING");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toHaveProperty("code", ErrorCode.enhanceYourCalm);
    expect(thrown).toHaveProperty("message", "a flood of PING frames");
  });

  it("lets three late frames pass for each stream that this side has reset, to a limit", () => {
    const guard = new FloodGuard(createManualClock());
    const late = (times: number): void => {
      for (let time = 0; time < times; time++) guard.countLate("late");
    };
    count(guard, 10_000);
    for (let streams = 0; streams < 10_000; streams++) guard.excuse();
    late(30_000);
    for (let streams = 0; streams < 1_000_000; streams++) guard.excuse();
    late(300_000 + 9_999);
    expect(() => late(1)).toThrow("a flood of late frames");
  });

  it("lets any number pass that takes its time", () => {
    const clock = createManualClock();
    const guard = new FloodGuard(clock);
    for (let second = 0; second < 100; second++) {
      count(guard, 5_000);
      clock.advance(600);
    }
  });
});
