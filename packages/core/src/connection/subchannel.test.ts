import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { errno } from "../../test/failures.js";
import { FakeMember, never } from "../../test/fake-member.js";
import { ManualClock } from "../../test/manual-clock.js";
import { EtcdError } from "../errors/etcd-error.js";
import { parseEndpoint } from "./endpoint.js";
import { Subchannel } from "./subchannel.js";

const dialTimeoutMs = 2_000;
const url = "http://a:2379";

/** A subchannel over a link that does what a test says, and the states it went through. */
function make() {
  const clock = new ManualClock();
  const link = new FakeMember(url, clock);
  const states: string[] = [];
  const subchannel = new Subchannel({
    endpoint: parseEndpoint("a", false),
    transport: link,
    dialTimeoutMs,
    clock,
    onChange: (changed) => states.push(changed.state),
  });
  return { clock, link, states, subchannel };
}

// The longest pause that back-off allows, so that pauses are known.
beforeEach(() => {
  vi.spyOn(Math, "random").mockReturnValue(0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("a subchannel", () => {
  it("is idle until somebody wants it", async () => {
    const { clock, link, subchannel } = make();
    await clock.advance(60_000);
    expect(subchannel.state).toBe("idle");
    expect(subchannel.usable).toBe(false);
    expect(link.dials).toBe(0);
  });

  it("dials once, however many want it, and is usable from then on", async () => {
    const { clock, link, states, subchannel } = make();
    for (let i = 0; i < 50; i++) subchannel.want();
    expect(subchannel.state).toBe("connecting");
    await clock.settle();
    subchannel.want();
    expect(link.dials).toBe(1);
    expect(subchannel.usable).toBe(true);
    expect(states).toEqual(["connecting", "ready"]);
    expect(clock.timers).toEqual([]);
  });

  it("gives a dial up after the dial timeout, and says so", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = never;
    subchannel.want();
    await clock.advance(dialTimeoutMs - 1);
    expect(subchannel.state).toBe("connecting");
    await clock.advance(1);
    expect(subchannel.state).toBe("failed");
    expect(subchannel.failure).toMatchObject({
      forGood: false,
      error: { code: "UNAVAILABLE", endpoint: url, message: `${url}: no connection within 2000 ms` },
    });
  });

  it("pauses longer with each failure, up to 5 s", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = () => Promise.reject(errno("ECONNREFUSED"));
    subchannel.want();
    await clock.settle();
    for (const pause of [25, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
      const { dials } = link;
      await clock.advance(pause - 1);
      expect(link.dials).toBe(dials);
      await clock.advance(1);
      expect(link.dials).toBe(dials + 1);
    }
  });

  it("does not dial sooner because somebody wants it", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = () => Promise.reject(errno("ECONNREFUSED"));
    subchannel.want();
    await clock.settle();
    for (let i = 0; i < 50; i++) subchannel.want();
    expect(link.dials).toBe(1);
  });

  it("comes back by itself once the member does", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = () => Promise.reject(errno("ECONNREFUSED"));
    subchannel.want();
    await clock.advance(10_000);
    link.onDial = () => Promise.resolve();
    await clock.advance(5_000);
    expect(subchannel.usable).toBe(true);
    expect(subchannel.failure).toBeUndefined();
    expect(subchannel.lastError).toBeUndefined();
  });

  it("dials at once when a link breaks that was up for 10 s", async () => {
    const { clock, link, subchannel } = make();
    subchannel.want();
    await clock.advance(10_000);
    link.drop();
    expect(link.dials).toBe(2);
    await clock.settle();
    expect(subchannel.usable).toBe(true);
  });

  it("pauses ever longer while links break sooner than that", async () => {
    const { clock, link, subchannel } = make();
    subchannel.want();
    await clock.settle();
    link.drop(); // the first break is free
    await clock.settle();
    expect(link.dials).toBe(2);
    for (const pause of [50, 100, 200, 400]) {
      link.drop(errno("ECONNRESET"));
      const { dials } = link;
      expect(subchannel.state).toBe("failed");
      await clock.advance(pause - 1);
      expect(link.dials).toBe(dials);
      await clock.advance(1);
      expect(link.dials).toBe(dials + 1);
    }
    await clock.advance(10_000);
    link.drop();
    await clock.settle();
    expect(subchannel.usable).toBe(true);
  });

  it("dials again when a link has broken before its dial was known to have succeeded", async () => {
    const { clock, link, subchannel } = make();
    link.subscribe(({ state }) => {
      if (state === "ready" && link.dials === 1) link.drop();
    });
    subchannel.want();
    await clock.settle();
    expect(subchannel.state).toBe("failed");
    expect(subchannel.lastError).toMatchObject({ code: "UNAVAILABLE", endpoint: url });
    await clock.advance(25);
    expect(link.dials).toBe(2);
    expect(subchannel.usable).toBe(true);
  });

  it("tells a failure for good from one that may pass, also while it dials again", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = () => Promise.reject(errno("CERT_HAS_EXPIRED", "certificate has expired"));
    subchannel.want();
    await clock.settle();
    expect(subchannel.failure).toMatchObject({
      forGood: true,
      error: { code: "TLS", message: `${url}: certificate has expired` },
    });
    link.onDial = never;
    await clock.advance(25);
    expect(subchannel.state).toBe("connecting");
    expect(subchannel.failure?.forGood).toBe(true);
    await clock.advance(dialTimeoutMs);
    expect(subchannel.failure?.forGood).toBe(false);
  });

  it("says while it dials again why the link was lost", async () => {
    const { clock, link, subchannel } = make();
    subchannel.want();
    await clock.advance(10_000);
    link.onDial = never;
    link.drop(errno("ECONNRESET", "read ECONNRESET"));
    expect(subchannel.failure).toBeUndefined();
    expect(subchannel.lastError).toMatchObject({ code: "UNAVAILABLE", message: `${url}: read ECONNRESET` });
  });

  it("shows no control characters of what the other side said", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = () => Promise.reject(new Error("no\r\nforged line"));
    subchannel.want();
    await clock.settle();
    expect(subchannel.lastError?.message).toBe(`${url}: no forged line`);
  });

  it("takes no calls where what answers is not etcd, and lets another try after a pause", async () => {
    const { clock, link, subchannel } = make();
    subchannel.want();
    await clock.settle();
    const error = new EtcdError("PROTOCOL", "HTTP 404");
    subchannel.reject(error);
    subchannel.reject(error); // a second call that was under way
    expect(subchannel.usable).toBe(false);
    expect(subchannel.state).toBe("failed");
    expect(subchannel.failure).toEqual({ error, forGood: true });
    await clock.advance(24);
    expect(subchannel.usable).toBe(false);
    await clock.advance(1);
    expect(subchannel.usable).toBe(true);
    expect(subchannel.state).toBe("ready");
    expect(subchannel.failure).toBeUndefined();
    subchannel.reject(error);
    await clock.advance(49);
    expect(subchannel.usable).toBe(false);
    expect(link.dials).toBe(1);
  });

  it("forgets that when the link is made anew", async () => {
    const { clock, link, subchannel } = make();
    subchannel.want();
    await clock.settle();
    subchannel.reject(new EtcdError("PROTOCOL", "HTTP 404"));
    link.drop();
    await clock.advance(50);
    expect(subchannel.usable).toBe(true);
  });

  it("never keeps the process alive by its timers", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = never;
    subchannel.want();
    expect(clock.timers).toEqual([{ dueInMs: dialTimeoutMs, keepAlive: false }]);
    await clock.advance(dialTimeoutMs);
    expect(clock.timers).toEqual([{ dueInMs: 25, keepAlive: false }]);
  });
});

describe("a subchannel that leaves", () => {
  it("closes at once when it is idle", () => {
    const { link, subchannel } = make();
    subchannel.leave();
    expect(link.closed).toBe(true);
    expect(subchannel.state).toBe("closed");
  });

  it("takes no new calls and closes with its last one", async () => {
    const { clock, link, subchannel } = make();
    subchannel.want();
    await clock.settle();
    subchannel.begin();
    subchannel.begin();
    subchannel.leave();
    expect(subchannel.usable).toBe(false);
    subchannel.end();
    expect(link.closed).toBe(false);
    subchannel.end();
    expect(link.closed).toBe(true);
  });
});

describe("a subchannel that is closed", () => {
  it("ends its dial, dials no more and leaves no timer", async () => {
    const { clock, link, states, subchannel } = make();
    const aborted: unknown[] = [];
    link.onDial = (signal) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      return never();
    };
    subchannel.want();
    await clock.settle();
    await subchannel.close();
    await subchannel.close();
    await clock.settle();
    expect(aborted).toHaveLength(1);
    expect(clock.timers).toEqual([]);
    subchannel.want();
    subchannel.reject(new EtcdError("PROTOCOL", "late"));
    await clock.advance(60_000);
    expect(link.dials).toBe(1);
    expect(states).toEqual(["connecting", "closed"]);
  });

  it("pauses no more after a failure", async () => {
    const { clock, link, subchannel } = make();
    link.onDial = () => Promise.reject(errno("ECONNREFUSED"));
    subchannel.want();
    await clock.settle();
    await subchannel.close();
    expect(clock.timers).toEqual([]);
  });
});
