import { describe, expect, it } from "vitest";
import { ManualClock } from "../../test/manual-clock.js";
import { Keepalive, type KeepaliveTimes, PingPace } from "./keepalive.js";

const usual: KeepaliveTimes = { intervalMs: 10_000, timeoutMs: 5_000, withoutCalls: false };

/** A keepalive over a link that answers pings, or not. */
function make(times: KeepaliveTimes | false = usual, pace?: PingPace) {
  const clock = new ManualClock();
  const begun = clock.now();
  const pings: number[] = [];
  const deaths: number[] = [];
  const answers: (() => void)[] = [];
  const link = {
    /** Whether the other side answers at once. */
    alive: true,
    ping(onAnswer: () => void): void {
      pings.push(clock.now() - begun);
      if (link.alive) onAnswer();
      else answers.push(onAnswer);
    },
    dead(silenceMs: number): void {
      deaths.push(silenceMs);
      keepalive.stop();
    },
  };
  const keepalive = new Keepalive(times, clock, link, pace);
  return { answers, clock, deaths, keepalive, link, pings };
}

describe("pings", () => {
  it("are sent only while a stream is open: etcd hangs up on others", async () => {
    const { clock, keepalive, pings } = make();
    await clock.advance(60_000);
    expect(pings).toEqual([]);
    expect(clock.timers).toEqual([]);
    keepalive.streams(1);
    await clock.advance(30_000);
    expect(pings).toEqual([70_000, 80_000, 90_000]);
    keepalive.streams(0);
    await clock.advance(60_000);
    expect(pings).toHaveLength(3);
    expect(clock.timers).toEqual([]);
  });

  it("are sent without a stream where that is asked for", async () => {
    const { clock, pings } = make({ ...usual, withoutCalls: true });
    await clock.advance(20_000);
    expect(pings).toEqual([10_000, 20_000]);
  });

  it("are never sent when keepalive is off", async () => {
    const { clock, keepalive, pings } = make(false);
    keepalive.streams(1);
    keepalive.waiting(1);
    await clock.advance(600_000);
    expect(pings).toEqual([]);
    expect(clock.timers).toEqual([]);
  });

  it("are sent only after silence", async () => {
    const { clock, keepalive, pings } = make();
    keepalive.streams(1);
    for (let i = 0; i < 10; i++) {
      await clock.advance(9_000);
      keepalive.heard();
    }
    expect(pings).toEqual([]);
    await clock.advance(10_000);
    expect(pings).toEqual([100_000]);
  });

  it("come after 5 s while a call waits for its one answer", async () => {
    const { clock, keepalive, pings } = make();
    keepalive.streams(1);
    keepalive.waiting(1);
    await clock.advance(12_000);
    expect(pings).toEqual([5_000, 10_000]);
    keepalive.waiting(1);
    keepalive.waiting(-1);
    await clock.advance(3_000);
    expect(pings).toEqual([5_000, 10_000, 15_000]);
    keepalive.waiting(-1);
    await clock.advance(10_000);
    expect(pings).toEqual([5_000, 10_000, 15_000, 25_000]);
  });

  it("come sooner for a call that begins during a long silence", async () => {
    const { clock, keepalive, pings } = make();
    keepalive.streams(1);
    await clock.advance(7_000);
    keepalive.waiting(1);
    await clock.advance(0);
    expect(pings).toEqual([7_000]);
  });

  it("do not count the silence in which nothing was asked for", async () => {
    const { clock, keepalive, pings } = make();
    await clock.advance(60_000);
    keepalive.streams(1);
    keepalive.waiting(1);
    await clock.advance(4_999);
    expect(pings).toEqual([]);
  });

  it("come half as often once the server found them too many, also on the next link", async () => {
    const pace = new PingPace();
    const first = make(usual, pace);
    first.keepalive.streams(1);
    pace.slowDown();
    await first.clock.advance(40_000);
    expect(first.pings).toEqual([20_000, 40_000]);
    pace.slowDown();
    const next = make(usual, pace);
    next.keepalive.streams(1);
    await next.clock.advance(40_000);
    expect(next.pings).toEqual([40_000]);
  });

  it("never keep the process alive", () => {
    const { clock, keepalive } = make();
    keepalive.streams(1);
    keepalive.waiting(1);
    expect(clock.timers).toEqual([{ dueInMs: 5_000, keepAlive: false }]);
  });
});

describe("a link that does not answer", () => {
  it("is dead after the timeout", async () => {
    const { clock, deaths, keepalive, link } = make();
    link.alive = false;
    keepalive.streams(1);
    await clock.advance(14_999);
    expect(deaths).toEqual([]);
    await clock.advance(1);
    expect(deaths).toEqual([15_000]);
    expect(clock.timers).toEqual([]);
  });

  it("is dead after 7 s while a call waits, so that a read still has time for another member", async () => {
    const { clock, deaths, keepalive, link } = make();
    link.alive = false;
    keepalive.streams(1);
    keepalive.waiting(1);
    await clock.advance(7_000);
    expect(deaths).toEqual([7_000]);
  });

  it("is alive as long as anything arrives, be it no answer to the ping", async () => {
    const { clock, deaths, keepalive, link } = make();
    link.alive = false;
    keepalive.streams(1);
    await clock.advance(12_000);
    keepalive.heard();
    await clock.advance(9_000);
    expect(deaths).toEqual([]);
  });

  it("is asked once, not again and again", async () => {
    const { clock, keepalive, link, pings } = make();
    link.alive = false;
    keepalive.streams(1);
    await clock.advance(14_000);
    expect(pings).toEqual([10_000]);
  });

  it("is not given up while no stream is open; the next one finds out", async () => {
    const { clock, deaths, keepalive, link } = make();
    link.alive = false;
    keepalive.streams(1);
    await clock.advance(10_000);
    keepalive.streams(0);
    await clock.advance(60_000);
    expect(deaths).toEqual([]);
    keepalive.streams(1);
    await clock.advance(0);
    expect(deaths).toHaveLength(1);
  });

  it("is left alone once it was stopped", async () => {
    const { answers, clock, deaths, keepalive, link, pings } = make({ ...usual, withoutCalls: true });
    link.alive = false;
    keepalive.streams(1);
    keepalive.waiting(1);
    await clock.advance(5_000);
    keepalive.stop();
    for (const answer of answers) answer();
    keepalive.waiting(-1);
    keepalive.streams(0);
    expect(clock.timers).toEqual([]);
    await clock.advance(60_000);
    expect([pings.length, deaths.length]).toEqual([1, 0]);
  });
});

describe("a stall of the event loop", () => {
  it("does not kill a link whose answer had arrived: it is read right after the timers", async () => {
    const { answers, clock, deaths, keepalive, link } = make();
    link.alive = false;
    keepalive.streams(1);
    await clock.advance(10_000);
    clock.stall(60_000);
    clock.fireDue();
    for (const answer of answers) answer();
    await clock.settle();
    expect(deaths).toEqual([]);
    await clock.advance(9_999);
    expect(deaths).toEqual([]);
  });

  it("still finds a link dead that did not answer", async () => {
    const { clock, deaths, keepalive, link } = make();
    link.alive = false;
    keepalive.streams(1);
    await clock.advance(10_000);
    clock.stall(60_000);
    clock.fireDue();
    await clock.settle();
    expect(deaths).toHaveLength(1);
  });
});
