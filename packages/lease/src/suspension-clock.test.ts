import { isKeepAliveHalted } from "@etcdkit/core";
import { describe, expect, it } from "vitest";
import { FakeMembers } from "../test/fake-members.js";
import { createLeases } from "./create-leases.js";
import { suspensionClock } from "./suspension-clock.js";

/** A machine whose monotonic clock stands still while it is suspended, and whose uptime goes on. */
class Machine {
  nowMs = 5_000;
  uptimeMs = 90_000;
  asked = 0;
  readonly clock = suspensionClock({ now: () => this.nowMs, setTimer: () => () => undefined }, () => {
    this.asked++;
    return this.uptimeMs;
  });

  run(ms: number): void {
    this.nowMs += ms;
    this.uptimeMs += ms;
  }

  suspend(ms: number): void {
    this.uptimeMs += ms;
  }
}

describe("a clock that counts the time for which the machine was suspended", () => {
  it("runs as the monotonic clock does as long as it is not", () => {
    const machine = new Machine();
    for (let i = 0; i < 1_000; i++) {
      expect(machine.clock.now()).toBe(machine.nowMs);
      machine.run(10);
    }
    // Ten times a second.
    expect(machine.asked).toBe(100);
  });

  it("is ahead by that time from then on", () => {
    const machine = new Machine();
    machine.clock.now();
    machine.run(100);
    machine.suspend(30_000);
    expect(machine.clock.now()).toBe(5_100 + 30_000);
    machine.run(200);
    machine.suspend(2_000);
    expect(machine.clock.now()).toBe(5_300 + 32_000);
    machine.run(200);
    expect(machine.clock.now()).toBe(5_500 + 32_000);
  });

  it("takes no coarseness of the uptime, and no uptime that falls behind, for a suspension", () => {
    const machine = new Machine();
    const coarse = suspensionClock(
      { now: () => machine.nowMs, setTimer: () => () => undefined },
      () => Math.floor(machine.uptimeMs / 1_000) * 1_000,
    );
    for (let i = 0; i < 1_000; i++) {
      expect(coarse.now()).toBe(machine.nowMs);
      machine.run(137);
    }
    machine.uptimeMs -= 60_000;
    expect(coarse.now()).toBe(machine.nowMs);
    machine.run(100);
    expect(coarse.now()).toBe(machine.nowMs);
  });

  it("is the monotonic clock where there is no uptime to be had", () => {
    let asked = 0;
    const clock = suspensionClock({ now: () => 7, setTimer: () => () => undefined }, () => {
      asked++;
      throw new Error("EPERM");
    });
    expect([clock.now(), clock.now(), asked]).toEqual([7, 7, 1]);
  });

  it("agrees with this machine, which was not suspended in the meantime", () => {
    const clock = suspensionClock();
    expect(Math.abs(clock.now() - performance.now())).toBeLessThan(1_000);
  });
});

// F66
it("a lease is lost when the machine was suspended for longer than it lives, whatever the monotonic clock says", async () => {
  const members = new FakeMembers();
  let suspendedMs = 0;
  const clock = suspensionClock(members.clock, () => members.clock.now() + suspendedMs);
  await using leases = createLeases(members, { clock });
  members.onAsked = (stream, id) => stream.answer(id, 10);
  const keepAlive = leases.keepAlive(1n);
  await members.clock.advance(1_000);
  expect(keepAlive.isHeld()).toBe(true);
  suspendedMs = 3_000;
  await members.clock.advance(100);
  expect(keepAlive.remainingMs()).toBe(9_500 - 4_100);
  suspendedMs = 60_000;
  await members.clock.advance(100);
  expect(keepAlive.isHeld()).toBe(false);
  await members.clock.settle();
  expect(isKeepAliveHalted(keepAlive.signal.reason, "deadline")).toBe(true);
});
