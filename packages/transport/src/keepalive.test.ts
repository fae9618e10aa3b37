import { describe, expect, it } from "vitest";
import { createManualClock, type ManualClock, turn } from "../test/support/manual-clock.js";
import { Keepalive, type KeepalivePace, type KeepaliveTimes } from "./keepalive.js";

interface Watched {
  readonly clock: ManualClock;
  readonly keepalive: Keepalive;
  /** When pings were sent, in ms from the beginning. */
  readonly pings: number[];
  /** How long the link was silent when it was given up. */
  readonly deaths: number[];
  pass(ms: number): Promise<void>;
}

const usual: KeepaliveTimes = { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false };

function watch(times: KeepaliveTimes | false = usual, pace: KeepalivePace = { slowness: 1 }): Watched {
  const clock = createManualClock();
  const begun = clock.now();
  const pings: number[] = [];
  const deaths: number[] = [];
  const keepalive = new Keepalive(times, pace, clock, {
    ping: () => pings.push(clock.now() - begun),
    dead: (silenceMs) => deaths.push(silenceMs),
  });
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await turn();
  };
  return { clock, keepalive, pings, deaths, pass };
}

describe("Keepalive", () => {
  it("pings after silence while a stream is open, and calls the link dead when no answer comes", async () => {
    const { keepalive, pings, deaths, pass } = watch();
    keepalive.streams(1);
    await pass(9_999);
    expect(pings).toEqual([]);
    await pass(1);
    expect(pings).toEqual([10_000]);
    await pass(4_999);
    expect(deaths).toEqual([]);
    await pass(1);
    expect(deaths).toEqual([15_000]);
  });

  it("never pings without a stream, since etcd hangs up on those who do", async () => {
    const { keepalive, pings, deaths, pass, clock } = watch();
    await pass(3_600_000);
    keepalive.streams(1);
    keepalive.streams(0);
    await pass(3_600_000);
    expect(pings).toEqual([]);
    expect(deaths).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("pings without streams when told to", async () => {
    const { pings, deaths, pass } = watch({ ...usual, withoutCalls: true });
    await pass(10_000);
    expect(pings).toEqual([10_000]);
    await pass(5_000);
    expect(deaths).toEqual([15_000]);
  });

  it("does nothing at all when switched off", async () => {
    const { keepalive, pings, clock, pass } = watch(false);
    keepalive.streams(1);
    keepalive.waiting(1);
    await pass(3_600_000);
    expect(pings).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("counts silence from the last byte, whatever it was part of", async () => {
    const { keepalive, pings, pass } = watch();
    keepalive.streams(1);
    for (let second = 0; second < 60; second += 9) {
      await pass(9_000);
      keepalive.heard();
    }
    expect(pings).toEqual([]);
    await pass(10_000);
    expect(pings).toEqual([73_000]);
  });

  it("does not take for silence the time in which nothing was asked for", async () => {
    const { keepalive, pings, deaths, pass } = watch();
    await pass(60_000);
    keepalive.streams(1);
    await pass(9_999);
    expect(pings).toEqual([]);
    await pass(1);
    expect(pings).toEqual([70_000]);
    expect(deaths).toEqual([]);
  });

  it("goes on after an answer", async () => {
    const { keepalive, pings, deaths, pass } = watch();
    keepalive.streams(1);
    for (let round = 0; round < 5; round++) {
      await pass(10_000);
      keepalive.heard();
    }
    expect(pings).toEqual([10_000, 20_000, 30_000, 40_000, 50_000]);
    expect(deaths).toEqual([]);
  });

  it("asks once, not again and again, and takes anything that arrives for the answer", async () => {
    const { keepalive, pings, deaths, pass } = watch();
    keepalive.streams(1);
    await pass(14_000);
    expect(pings).toEqual([10_000]);
    keepalive.heard();
    await pass(9_999);
    expect(pings).toEqual([10_000]);
    expect(deaths).toEqual([]);
  });

  it("judges a ping that is out also when the last stream ends, so that the next call goes elsewhere", async () => {
    const { clock, keepalive, deaths, pass } = watch();
    keepalive.streams(1);
    await pass(10_000);
    keepalive.streams(0);
    expect(clock.pending).toEqual([{ dueInMs: 5_000, keepAlive: false }]);
    await pass(4_999);
    expect(deaths).toEqual([]);
    await pass(1);
    expect(deaths).toEqual([15_000]);
  });

  it("asks nothing more when the answer to that ping comes", async () => {
    const { clock, keepalive, pings, deaths, pass } = watch();
    keepalive.streams(1);
    await pass(10_000);
    keepalive.streams(0);
    keepalive.heard();
    expect(clock.timers).toBe(0);
    await pass(60_000);
    expect([pings, deaths]).toEqual([[10_000], []]);
  });

  it("never keeps the process alive", () => {
    const { clock, keepalive } = watch();
    keepalive.streams(1);
    keepalive.waiting(1);
    expect(clock.pending).toEqual([{ dueInMs: 5_000, keepAlive: false }]);
  });

  it("pings again an interval after an answer, also when it would have waited longer for that", async () => {
    const { keepalive, pings, pass } = watch({ intervalMs: 1_000, timeoutMs: 5_000, withoutCalls: false });
    keepalive.streams(1);
    await pass(1_000);
    keepalive.heard();
    await pass(1_000);
    expect(pings).toEqual([1_000, 2_000]);
  });

  describe("while a call waits for its one answer", () => {
    it("pings at once when such a call begins after a longer silence", async () => {
      const { keepalive, pings, pass } = watch();
      keepalive.streams(1);
      await pass(7_000);
      keepalive.waiting(1);
      await pass(0);
      expect(pings).toEqual([7_000]);
    });

    it("pings after 5 s and calls the link dead 2 s later, so that a read has time for another member", async () => {
      const { keepalive, pings, deaths, pass } = watch();
      keepalive.streams(1);
      keepalive.waiting(1);
      await pass(5_000);
      expect(pings).toEqual([5_000]);
      await pass(2_000);
      expect(deaths).toEqual([7_000]);
    });

    it("never waits longer than it was told to otherwise", async () => {
      const { keepalive, pings, deaths, pass } = watch({
        intervalMs: 3_000,
        timeoutMs: 1_000,
        withoutCalls: false,
      });
      keepalive.streams(1);
      keepalive.waiting(1);
      await pass(3_000);
      expect(pings).toEqual([3_000]);
      await pass(1_000);
      expect(deaths).toEqual([4_000]);
    });

    it("gives the answer to an earlier ping 2 s from the beginning of such a call, if it had so long", async () => {
      const { keepalive, pings, deaths, pass } = watch();
      keepalive.streams(1);
      await pass(12_500);
      expect(pings).toEqual([10_000]);
      keepalive.waiting(1);
      await pass(1_999);
      expect(deaths).toEqual([]);
      await pass(1);
      expect(deaths).toEqual([14_500]);
      const late = watch();
      late.keepalive.streams(1);
      await late.pass(14_000);
      late.keepalive.waiting(1);
      await late.pass(1_000);
      expect(late.deaths).toEqual([15_000]);
    });

    it("hurries from the moment at which the first such call begins, until the last one ends", async () => {
      const { keepalive, pings, pass } = watch();
      keepalive.streams(1);
      await pass(4_000);
      keepalive.waiting(1);
      keepalive.waiting(1);
      keepalive.waiting(-1);
      await pass(1_000);
      expect(pings).toEqual([5_000]);
      keepalive.heard();
      keepalive.waiting(-1);
      await pass(9_999);
      expect(pings).toEqual([5_000]);
      await pass(1);
      expect(pings).toEqual([5_000, 15_000]);
    });
  });

  it("judges a missing answer one turn of the event loop late, since one may lie unread after a stall", async () => {
    const { clock, keepalive, pings, deaths, pass } = watch();
    keepalive.streams(1);
    clock.advance(10_000);
    expect(pings).toEqual([10_000]);
    clock.advance(60_000); // the loop stood still; now timers run, then the socket is read
    keepalive.heard();
    await turn();
    expect(deaths).toEqual([]);
    await pass(10_000);
    expect(pings).toEqual([10_000, 80_000]);
  });

  it("still finds a link dead after a stall when no answer lay there", async () => {
    const { clock, keepalive, deaths } = watch();
    keepalive.streams(1);
    clock.advance(10_000);
    clock.advance(60_000);
    await turn();
    expect(deaths).toHaveLength(1);
  });

  it("pings half as often each time the server finds it too much, on later connections too", async () => {
    const pace: KeepalivePace = { slowness: 1 };
    watch(usual, pace).keepalive.slowDown();
    const { keepalive, pings, pass } = watch(usual, pace);
    keepalive.streams(1);
    await pass(19_999);
    expect(pings).toEqual([]);
    await pass(1);
    expect(pings).toEqual([20_000]);
    keepalive.heard();
    keepalive.slowDown();
    await pass(40_000);
    expect(pings).toEqual([20_000, 60_000]);
  });

  it("leaves no timer behind when stopped, whatever is told to it afterwards", async () => {
    const { clock, keepalive, pings, deaths, pass } = watch({ ...usual, withoutCalls: true });
    keepalive.streams(1);
    keepalive.waiting(1);
    await pass(5_000);
    keepalive.stop();
    keepalive.waiting(-1);
    keepalive.streams(0);
    keepalive.streams(1);
    keepalive.heard();
    expect(clock.timers).toBe(0);
    await pass(60_000);
    expect(pings).toEqual([5_000]);
    expect(deaths).toEqual([]);
  });

  it("does not call dead a link that was stopped in the turn of the judgement", async () => {
    const { clock, keepalive, deaths } = watch();
    keepalive.streams(1);
    clock.advance(15_000);
    keepalive.stop();
    await turn();
    expect(deaths).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
