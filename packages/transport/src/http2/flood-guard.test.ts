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

  it("lets any number pass that takes its time", () => {
    const clock = createManualClock();
    const guard = new FloodGuard(clock);
    for (let second = 0; second < 100; second++) {
      count(guard, 5_000);
      clock.advance(600);
    }
  });
});
